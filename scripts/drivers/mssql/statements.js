'use strict';
// Parameters, transactions, prepared statements, procedures, bulk and size.

const { hash, formatText, formatValue } = require('../nodelib/format.js');
const { letters, numbers, pattern, tenMegabytes } = require('../nodelib/values.js');
const { batch, describeError, serverNumber, show, sql, withPool } = require('./client.js');

function on(name, use, needs) {
  return { name, needs, run: (endpoint) => withPool(endpoint, {}, use) };
}

function echo(name, type, value, as = '@v') {
  return on(`param/${name}`, async (pool) => show(await pool.request().input('v', type, value).query(`SELECT ${as} AS v`)));
}

async function storeLarge(pool) {
  await batch(pool, 'CREATE TABLE #big (n nvarchar(max) NULL, v varchar(max) NULL, b varbinary(max) NULL)');
  await pool.request()
    .input('n', sql.NVarChar(sql.MAX), letters(tenMegabytes / 2))
    .input('v', sql.VarChar(sql.MAX), letters(tenMegabytes))
    .input('b', sql.VarBinary(sql.MAX), pattern(tenMegabytes))
    .query('INSERT INTO #big (n, v, b) VALUES (@n, @v, @b)');
  return batch(pool, 'SELECT n, v, b FROM #big');
}

// transaction runs steps inside the package's transaction over an empty table.
function transaction(name, isolation, steps, needs) {
  return on(`tran/${name}`, async (pool) => {
    await batch(pool, 'DROP TABLE IF EXISTS drv_npm_t');
    await batch(pool, 'CREATE TABLE drv_npm_t (a int NOT NULL)');
    const tx = new sql.Transaction(pool);
    await tx.begin(isolation);
    const inside = await steps(tx);
    const after = await batch(pool, 'SELECT @@TRANCOUNT AS depth, COUNT(*) AS n FROM drv_npm_t');
    await batch(pool, 'DROP TABLE drv_npm_t');
    return `${inside} | ${after}`;
  }, needs);
}

async function insertAndCount(tx) {
  await new sql.Request(tx).input('a', sql.Int, 1).query('INSERT INTO drv_npm_t (a) VALUES (@a)');
  return batch(tx, 'SELECT @@TRANCOUNT AS depth, COUNT(*) AS n FROM drv_npm_t');
}

async function committed(tx) {
  const text = await insertAndCount(tx);
  await tx.commit();
  return text;
}

async function rolledBack(tx) {
  const text = await insertAndCount(tx);
  await tx.rollback();
  return text;
}

async function abortedByServer(tx) {
  const text = `${await batch(tx, 'SET XACT_ABORT ON')} ${await batch(tx, 'SELECT 1/0 AS never')}`;
  await tx.rollback().catch((error) => { if (error.code !== 'EABORT') throw error; });
  return text;
}

async function prepared(pool) {
  const statement = new sql.PreparedStatement(pool);
  statement.input('a', sql.Int).input('s', sql.NVarChar(50));
  await statement.prepare('SELECT @a * 2 AS r, @s AS s');
  let total = 0;
  for (let i = 0; i < 300; i++) {
    const { recordset } = await statement.execute({ a: i, s: `é😀${i}` });
    if (recordset[0].s !== `é😀${i}`) throw new Error(`use ${i} got ${recordset[0].s}`);
    total += recordset[0].r;
  }
  await statement.unprepare();
  return `total ${total}, after ${await batch(pool, 'SELECT 1 AS one')}`;
}

async function procedure(pool) {
  await batch(pool, 'DROP PROCEDURE IF EXISTS drv_npm_proc');
  await batch(pool, `CREATE PROCEDURE drv_npm_proc @a int, @s nvarchar(50) OUTPUT, @n int OUTPUT AS
BEGIN
 SELECT @a AS a UNION ALL SELECT @a + 1
 SET @s = @s + N' and back é😀'
 SET @n = @a * 2
 RETURN 42
END`);
  const result = await pool.request().input('a', sql.Int, 5).output('s', sql.NVarChar(50), 'there').output('n', sql.Int).execute('drv_npm_proc');
  await batch(pool, 'DROP PROCEDURE drv_npm_proc');
  return show(result);
}

async function missingProcedure(pool) {
  try {
    return show(await pool.request().execute('drv_npm_no_such'));
  } catch (error) {
    if (!serverNumber(error)) throw error;
    return describeError(error);
  }
}

async function bulk(pool) {
  const table = new sql.Table('drv_npm_bulk');
  table.create = false;
  table.columns.add('id', sql.Int, { nullable: false });
  table.columns.add('s', sql.NVarChar(100), { nullable: true });
  table.columns.add('b', sql.VarBinary(100), { nullable: true });
  table.columns.add('l', sql.NVarChar(sql.MAX), { nullable: true });
  for (let id = 1; id <= 2000; id++) {
    if (id % 3 === 0) table.rows.add(id, null, null, null);
    else table.rows.add(id, `row ${id} é😀`, pattern(id % 100), letters(id % 5000));
  }
  await batch(pool, 'DROP TABLE IF EXISTS drv_npm_bulk');
  await batch(pool, 'CREATE TABLE drv_npm_bulk (id int NOT NULL, s nvarchar(100) NULL, b varbinary(100) NULL, l nvarchar(max) NULL)');
  const { rowsAffected } = await pool.request().bulk(table);
  const text = await batch(pool, 'SELECT COUNT(*) AS n, SUM(id) AS total, COUNT(s) AS texts FROM drv_npm_bulk');
  await batch(pool, 'DROP TABLE drv_npm_bulk');
  return `loaded ${rowsAffected} ${text}`;
}

async function largeResult(pool) {
  const { recordset } = await pool.request().query(`${numbers} ORDER BY n`);
  return `${recordset.length} rows ${hash(recordset.map(({ n, s }) => `${n}${s}`).join(''))}`;
}

// streamed reads the same rows as they come, with pauses in between.
function streamed(pool) {
  return new Promise((resolve, reject) => {
    let count = 0;
    const request = pool.request();
    request.stream = true;
    request.on('row', () => {
      if (++count % 5000 === 0) {
        request.pause();
        setImmediate(() => request.resume());
      }
    });
    request.on('error', reject);
    request.on('done', () => resolve(`${count} rows`));
    request.query(numbers);
  });
}

async function largeText(pool) {
  const text = letters(100_000);
  const { recordset } = await pool.request().query(`SELECT '${text}' AS v`);
  if (recordset[0].v !== text) throw new Error(`sent ${formatText(text)}, got ${formatValue(recordset[0].v)}`);
  return formatText(text);
}

const cases = [
  echo('null', sql.Int, null),
  echo('bit', sql.Bit, true),
  echo('bigint', sql.BigInt, '-9223372036854775808'),
  echo('decimal', sql.Decimal(18, 4), 12345.6789),
  echo('nvarchar', sql.NVarChar(100), 'Grüße 你好 😀', 'CAST(@v AS nvarchar(100))'),
  echo('varbinary', sql.VarBinary(100), Buffer.from([0, 1, 255])),
  echo('guid', sql.UniqueIdentifier, '01020304-0506-0708-090A-0B0C0D0E0F10'),
  echo('datetime2', sql.DateTime2(7), new Date('2024-02-29T12:34:56.765Z')),
  echo('datetimeoffset', sql.DateTimeOffset(7), new Date('2024-02-29T12:34:56.765Z')),
  on('param/max-stored-10mb', storeLarge),
  transaction('api-commit', undefined, committed),
  transaction('api-rollback', undefined, rolledBack),
  transaction('api-aborted-by-server', undefined, abortedByServer, ['xact_abort']),
  transaction('api-isolation-read-uncommitted', sql.ISOLATION_LEVEL.READ_UNCOMMITTED, committed),
  transaction('api-isolation-repeatable-read', sql.ISOLATION_LEVEL.REPEATABLE_READ, committed),
  transaction('api-isolation-serializable', sql.ISOLATION_LEVEL.SERIALIZABLE, committed),
  on('prepared/reuse', prepared, ['rpc_prepare_name']),
  on('proc/output-and-return', procedure, ['procedures']),
  on('proc/missing-rpc', missingProcedure),
  on('bulk/insert', bulk, ['bulk']),
  on('results/large-20000-rows', largeResult),
  on('results/large-streamed', streamed),
  on('batch/large-text-100kb', largeText),
];

module.exports = { cases };
