'use strict';
// Values that all suites send.

const tenMegabytes = 10 << 20;

function* generator(seed) {
  for (let x = seed; ;) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    yield x >>> 24;
  }
}

// letters makes a text of n ASCII characters without a short period.
function letters(n) {
  const bytes = Buffer.alloc(n);
  const source = generator(1);
  for (let i = 0; i < n; i++) {
    bytes[i] = 97 + source.next().value % 26;
  }
  return bytes.toString('latin1');
}

// pattern makes n bytes without a short period.
function pattern(n) {
  const bytes = Buffer.alloc(n);
  const source = generator(7);
  for (let i = 0; i < n; i++) {
    bytes[i] = source.next().value;
  }
  return bytes;
}

const digits = '(SELECT 0 AS d' + [1, 2, 3, 4, 5, 6, 7, 8, 9].map((d) => ` UNION ALL SELECT ${d}`).join('') + ')';

// numbers selects 0..19999 out of digit tables, which every lookalike can do.
const numbers = `SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d AS n, N'row é😀 some text to fill packets' AS s
FROM ${digits} AS a CROSS JOIN ${digits} AS b CROSS JOIN ${digits} AS c CROSS JOIN ${digits} AS e CROSS JOIN (SELECT 0 AS d UNION ALL SELECT 1) AS f`;

// stateLeaks lists session state: what sets it, and a question whose answer in
// the next session shows whether it is still there.
function stateLeaks(prefix) {
  const table = `${prefix}_locked`;
  const lock = `@Resource = '${prefix}', @LockMode = 'Exclusive', @LockOwner = 'Session'`;
  return [
    { name: 'temp-table', set: ['CREATE TABLE #left (a int)'], ask: 'SELECT COUNT(*) AS n FROM #left' },
    { name: 'database', set: ['USE master'], ask: 'SELECT DB_NAME() AS db' },
    { name: 'context-info', needs: ['context_info'], set: ['SET CONTEXT_INFO 0x0102'], ask: 'SELECT COALESCE(SUBSTRING(CONTEXT_INFO(), 1, 2), 0x0000) AS ci' },
    { name: 'session-context', needs: ['session_context'], set: ["EXEC sp_set_session_context N'k', N'v'"], ask: "SELECT CAST(SESSION_CONTEXT(N'k') AS nvarchar(10)) AS v" },
    {
      name: 'open-transaction',
      set: [`DROP TABLE IF EXISTS ${table}`, `CREATE TABLE ${table} (a int NOT NULL)`, 'BEGIN TRAN', `INSERT INTO ${table} (a) VALUES (1)`],
      ask: `SELECT @@TRANCOUNT AS depth, COUNT(*) AS n FROM ${table}`,
      clean: ['IF @@TRANCOUNT > 0 ROLLBACK', `DROP TABLE IF EXISTS ${table}`],
    },
    { name: 'datefirst', set: ['SET DATEFIRST 2'], ask: 'SELECT @@DATEFIRST AS v' },
    { name: 'lock-timeout', set: ['SET LOCK_TIMEOUT 4321'], ask: 'SELECT @@LOCK_TIMEOUT AS v' },
    { name: 'rowcount', needs: ['rowcount'], set: ['SET ROWCOUNT 1'], ask: 'SELECT 1 AS n UNION ALL SELECT 2 ORDER BY n' },
    { name: 'textsize', needs: ['textsize'], set: ['SET TEXTSIZE 1000'], ask: "SELECT CASE WHEN @@TEXTSIZE = 1000 THEN 'left' ELSE 'gone' END AS v" },
    { name: 'xact-abort', needs: ['xact_abort'], set: ['SET XACT_ABORT ON'], ask: 'SELECT @@OPTIONS & 16384 AS v' },
    { name: 'nocount', needs: ['options'], set: ['SET NOCOUNT ON'], ask: 'SELECT @@OPTIONS & 512 AS v' },
    { name: 'ansi-nulls', needs: ['ansi_nulls'], set: ['SET ANSI_NULLS OFF'], ask: 'SELECT @@OPTIONS & 32 AS v' },
    { name: 'implicit-transactions', needs: ['implicit_transactions'], set: ['SET IMPLICIT_TRANSACTIONS ON'], ask: 'SELECT @@OPTIONS & 2 AS v' },
    {
      name: 'isolation', needs: ['isolation_view'], set: ['SET TRANSACTION ISOLATION LEVEL SERIALIZABLE'],
      ask: 'SELECT CAST(transaction_isolation_level AS int) AS v FROM sys.dm_exec_sessions WHERE session_id = @@SPID',
    },
    { name: 'language', needs: ['language'], set: ['SET LANGUAGE German'], ask: 'SELECT @@LANGUAGE AS v' },
    {
      name: 'app-lock', needs: ['applock'], set: [`EXEC sp_getapplock ${lock}`],
      ask: `DECLARE @r int EXEC @r = sp_getapplock ${lock}, @LockTimeout = 10000 SELECT CASE WHEN @r >= 0 THEN 1 ELSE 0 END AS r EXEC sp_releaseapplock @Resource = '${prefix}', @LockOwner = 'Session'`,
    },
  ];
}

module.exports = { letters, numbers, pattern, stateLeaks, tenMegabytes };
