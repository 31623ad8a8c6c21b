'use strict';
// Cancelling, resetting, closing and opening.

const { Request, TYPES } = require('tedious');
const { describeError, formatValue } = require('../nodelib/format.js');
const { Skip } = require('../nodelib/suite.js');
const { numbers, stateLeaks } = require('../nodelib/values.js');
const { batch, connect, execute, isServerError, withConnection } = require('./client.js');
const { loginAndAsk } = require('./login.js');

const cancelAfter = 300; // milliseconds
const cancelWithin = 5000;
const longQuery = "WAITFOR DELAY '00:00:20'";

// cancelWait starts a long query, cancels it and wants it to end soon.
function cancelWait(connection) {
  return new Promise((resolve, reject) => {
    const begun = Date.now();
    const request = new Request(longQuery, (error) => {
      const took = Date.now() - begun;
      if (!error) reject(new Error('the query ended by itself'));
      else if (error.code !== 'ECANCEL') reject(error);
      else if (took > cancelWithin) reject(new Error(`cancel took ${took} ms`));
      else resolve();
    });
    connection.execSqlBatch(request);
    setTimeout(() => connection.cancel(), cancelAfter);
  });
}

async function cancelRunning(connection) {
  await batch(connection, 'CREATE TABLE #mine (a int)');
  await cancelWait(connection);
  // The temporary table shows that it is still the same session.
  return `cancelled, then ${await batch(connection, 'SELECT COUNT(*) AS n FROM #mine')}`;
}

async function cancelInTransaction(connection) {
  for (const sql of ['CREATE TABLE #t (a int NOT NULL)', 'BEGIN TRAN', 'INSERT INTO #t (a) VALUES (1)']) {
    await batch(connection, sql);
  }
  await cancelWait(connection);
  const text = await batch(connection, 'SELECT @@TRANCOUNT AS depth, COUNT(*) AS n FROM #t');
  await batch(connection, 'IF @@TRANCOUNT > 0 ROLLBACK');
  return text;
}

// requestTimeout lets the driver's own timer cancel.
function requestTimeout(endpoint) {
  return withConnection(endpoint, { options: { requestTimeout: cancelAfter } }, async (connection) => {
    const begun = Date.now();
    const error = await new Promise((resolve) => { connection.execSqlBatch(new Request(longQuery, resolve)); });
    const took = Date.now() - begun;
    if (took > cancelWithin) throw new Error(`the time-out took ${took} ms`);
    return `${error?.code}, then ${await batch(connection, 'SELECT 1 AS one')}`;
  });
}

async function cancelBetweenRows(connection) {
  for (let round = 0; round < 5; round++) {
    const error = await new Promise((resolve) => {
      const request = new Request(numbers, resolve);
      request.once('row', () => connection.cancel());
      connection.execSqlBatch(request);
    });
    if (error && error.code !== 'ECANCEL') throw error;
  }
  return batch(connection, "SELECT N'usable' AS v");
}

// cancelMany cancels at many moments, so that some cancels meet an answer that
// is already under way.
async function cancelMany(connection) {
  for (let i = 0; i < 40; i++) {
    await new Promise((resolve, reject) => {
      let ended = false;
      const request = new Request('SELECT 1 AS one', (error) => {
        ended = true;
        if (error && error.code !== 'ECANCEL') reject(error);
        else resolve();
      });
      const cancel = () => ended || connection.cancel();
      connection.execSqlBatch(request);
      if (i % 2 === 0) setTimeout(cancel, i / 10);
      else setImmediate(cancel);
    });
    const { rows, error } = await execute(connection, 'SELECT @i AS i', [['i', TYPES.Int, i]]);
    if (error) throw error;
    if (rows[0][0] !== i) throw new Error(`asked for ${i}, got the answer ${formatValue(rows[0][0])}`);
  }
  return '40 rounds, every answer its own';
}

async function disconnectMidQuery(endpoint) {
  const connection = await connect(endpoint, {});
  const ended = new Promise((resolve) => { connection.execSqlBatch(new Request(longQuery, resolve)); });
  await new Promise((resolve) => { setTimeout(resolve, cancelAfter); });
  connection.close();
  if (!(await ended)) throw new Error('the query went on after the cut');
  const begun = Date.now();
  const text = await loginAndAsk(endpoint, {});
  if (Date.now() - begun > cancelWithin) throw new Error(`the next login took ${Date.now() - begun} ms`);
  return `cut, then ${text}`;
}

async function thousandConnects(endpoint) {
  for (let i = 0; i < 1000; i++) {
    try {
      await withConnection(endpoint, {}, (connection) => batch(connection, 'SELECT 1 AS one'));
    } catch (error) {
      throw new Error(`${i} ok, then ${describeError(error)}`, { cause: error });
    }
  }
  return '1000 ok';
}

async function fiftyAtOnce(endpoint) {
  await Promise.all(Array.from({ length: 50 }, (_, i) => withConnection(endpoint, {}, async (connection) => {
    const { rows, error } = await execute(connection, 'SELECT @i AS i', [['i', TYPES.Int, i]]);
    if (error) throw error;
    if (rows[0][0] !== i) throw new Error(`client ${i} got the answer ${formatValue(rows[0][0])}`);
  })));
  return '50 clients';
}

function reset(connection) {
  return new Promise((resolve, reject) => { connection.reset((error) => (error ? reject(error) : resolve())); });
}

// leakCases set state, give the session back and look from the next one:
// pool/ by the driver's reset, reconnect/ by a new connection.
function leakCases(leak) {
  const look = async (connection) => {
    const text = await batch(connection, leak.ask);
    for (const sql of leak.clean ?? []) {
      await batch(connection, sql);
    }
    return text;
  };
  const set = async (connection) => {
    for (const sql of leak.set) {
      const said = await batch(connection, sql);
      if (said.includes('error(')) throw new Error(`${sql}: ${said}`);
    }
  };
  return [
    {
      name: `pool/${leak.name}`,
      needs: leak.needs,
      run: (endpoint) => withConnection(endpoint, {}, async (connection) => {
        await set(connection);
        try {
          await reset(connection);
        } catch (error) {
          if (!isServerError(error)) throw error;
          return `refused to reset: ${describeError(error)}`;
        }
        return look(connection);
      }),
    },
    {
      name: `reconnect/${leak.name}`,
      needs: leak.needs,
      run: async (endpoint) => {
        await withConnection(endpoint, {}, set);
        return withConnection(endpoint, {}, look);
      },
    },
  ];
}

async function otherUser(endpoint) {
  if (!endpoint.user2) throw new Skip('TDS_USER2 is not set');
  const out = [];
  for (let i = 0; i < 6; i++) {
    const change = i % 2 === 0 ? {} : { user: endpoint.user2, password: endpoint.password2, database: endpoint.database2 };
    out.push(await withConnection(endpoint, change, (connection) => batch(connection, 'SELECT SUSER_SNAME() AS who, DB_NAME() AS db')));
  }
  return out.join(' ');
}

async function resetTwice(connection) {
  await reset(connection);
  await reset(connection);
  return batch(connection, 'SELECT 1 AS one');
}

function on(name, use, needs) {
  return { name, needs, run: (endpoint) => withConnection(endpoint, {}, use) };
}

const cases = [
  ...stateLeaks('drv_ted').flatMap(leakCases),
  on('pool/reset-twice', resetTwice),
  { name: 'reconnect/other-user', run: otherUser },
  on('cancel/running-query', cancelRunning, ['waitfor']),
  on('cancel/in-transaction', cancelInTransaction, ['waitfor']),
  { name: 'cancel/request-timeout', needs: ['waitfor'], run: requestTimeout },
  on('cancel/between-rows', cancelBetweenRows),
  on('cancel/many', cancelMany),
  { name: 'cancel/disconnect-mid-query', needs: ['waitfor'], run: disconnectMidQuery },
  { name: 'connect/1000-in-a-row', run: thousandConnects },
  { name: 'connect/50-at-once', run: fiftyAtOnce },
];

module.exports = { cases };
