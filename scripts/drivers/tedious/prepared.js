'use strict';
// Statements prepared once and used often, and procedures called by RPC.

const { Request, TYPES } = require('tedious');
const { describeError, formatValue } = require('../nodelib/format.js');
const { batch, execute, isServerError, perform, withConnection } = require('./client.js');

// prepare resolves to a request that is ready to be executed.
function prepare(connection, sql, parameters) {
  return new Promise((resolve, reject) => {
    const statement = { rows: [], done: undefined };
    const request = new Request(sql, (error) => statement.done?.(error));
    for (const [name, type] of parameters) {
      request.addParameter(name, type);
    }
    request.on('row', (columns) => statement.rows.push(columns.map((c) => formatValue(c.value)).join(',')));
    request.once('prepared', () => {
      request.removeListener('error', reject);
      resolve(statement);
    });
    statement.done = (error) => error && reject(error);
    statement.request = request;
    connection.prepare(request);
  });
}

function run(connection, statement, values) {
  return new Promise((resolve) => {
    statement.rows = [];
    statement.done = (error) => resolve(error ? describeError(error) : statement.rows.join(';'));
    connection.execute(statement.request, values);
  });
}

function unprepare(connection, statement) {
  return new Promise((resolve, reject) => {
    statement.done = (error) => (error ? reject(error) : resolve());
    connection.unprepare(statement.request);
  });
}

async function reuse(connection) {
  const statement = await prepare(connection, 'SELECT @a * 2 AS r', [['a', TYPES.Int]]);
  let total = 0;
  for (let i = 0; i < 300; i++) {
    total += Number(await run(connection, statement, { a: i }));
  }
  const none = await run(connection, statement, { a: null });
  await unprepare(connection, statement);
  return `total ${total}, of null ${none}, after ${await batch(connection, 'SELECT 1 AS one')}`;
}

async function several(connection) {
  const statements = [];
  for (let i = 0; i < 10; i++) {
    statements.push(await prepare(connection, `SELECT @a + ${i * 100} AS r`, [['a', TYPES.Int]]));
  }
  const out = [];
  for (let round = 0; round < 3; round++) {
    for (const statement of statements) {
      out.push(await run(connection, statement, { a: round }));
    }
  }
  for (const statement of statements) {
    await unprepare(connection, statement);
  }
  return out.join(' ');
}

async function errorThenReuse(connection) {
  const statement = await prepare(connection, 'SELECT 10 / @a AS r', [['a', TYPES.Int]]);
  const out = [];
  for (const a of [5, 0, 2]) {
    out.push(await run(connection, statement, { a }));
  }
  // The driver's request keeps the error of an earlier use and reports it again.
  await unprepare(connection, statement).catch(() => {});
  return `${out.join(' ')} ${await batch(connection, 'SELECT 1 AS one')}`;
}

async function freedHandle(connection) {
  const statement = await prepare(connection, 'SELECT @a AS r', [['a', TYPES.Int]]);
  const handle = statement.request.handle;
  await unprepare(connection, statement);
  const { error } = await execute(connection, `EXEC sp_execute ${handle}, 1`);
  if (!error) throw new Error('a freed handle works');
  return `error ${error.number}`; // the text names the handle
}

// leftHandle leaves a prepared statement behind and tries its handle anew.
async function leftHandle(endpoint) {
  const handle = await withConnection(endpoint, {}, async (connection) => (await prepare(connection, 'SELECT @a AS secret', [['a', TYPES.Int]])).request.handle);
  return withConnection(endpoint, {}, async (connection) => {
    const { text, error } = await execute(connection, `EXEC sp_execute ${handle}, 1`);
    if (!error) throw new Error(`the handle of a closed connection works: ${text}`);
    return `error ${error.number}`;
  });
}

async function procedure(connection) {
  await batch(connection, 'DROP PROCEDURE IF EXISTS drv_ted_proc');
  await batch(connection, `CREATE PROCEDURE drv_ted_proc @a int, @s nvarchar(50) OUTPUT, @n int OUTPUT AS
BEGIN
 SELECT @a AS a UNION ALL SELECT @a + 1
 SET @s = @s + N' and back é😀'
 SET @n = @a * 2
 RETURN 42
END`);
  const result = await perform(connection, 'drv_ted_proc', (request) => connection.callProcedure(request), (request) => {
    request.addParameter('a', TYPES.Int, 5);
    request.addOutputParameter('s', TYPES.NVarChar, 'there', { length: 50 });
    request.addOutputParameter('n', TYPES.Int);
  });
  if (result.error) throw result.error;
  await batch(connection, 'DROP PROCEDURE drv_ted_proc');
  return `${result.text} ${result.outputs.map(([name, value]) => `${name}=${formatValue(value)}`).join(' ')}`;
}

async function executesqlOutput(connection) {
  const result = await perform(connection, "SET @n = @a * 2\nSET @s = N'out é😀'", (request) => connection.execSql(request), (request) => {
    request.addParameter('a', TYPES.Int, 21);
    request.addOutputParameter('n', TYPES.Int);
    request.addOutputParameter('s', TYPES.NVarChar, '', { length: 50 });
  });
  if (result.error) throw result.error;
  return result.outputs.map(([name, value]) => `${name}=${formatValue(value)}`).join(' ');
}

async function missingProcedure(connection) {
  const { error } = await perform(connection, 'drv_ted_no_such', (request) => connection.callProcedure(request));
  if (!error || !isServerError(error)) throw error ?? new Error('a missing procedure ran');
  return describeError(error);
}

function on(name, use, needs) {
  return { name, needs, run: (endpoint) => withConnection(endpoint, {}, use) };
}

const cases = [
  on('prepared/reuse', reuse),
  on('prepared/several-at-once', several),
  on('prepared/error-then-reuse', errorThenReuse),
  on('prepared/freed-handle', freedHandle),
  { name: 'reconnect/prepared-handle', run: leftHandle },
  on('proc/output-and-return', procedure, ['procedures']),
  on('proc/executesql-output', executesqlOutput),
  on('proc/missing-rpc', missingProcedure),
];

module.exports = { cases };
