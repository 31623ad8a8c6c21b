'use strict';
// Cancelling, the package's pool, closing and opening.

const { formatValue } = require('../nodelib/format.js');
const { stateLeaks } = require('../nodelib/values.js');
const { batch, sql, withPool } = require('./client.js');

const cancelAfter = 300; // milliseconds
const cancelWithin = 5000;
const longQuery = "WAITFOR DELAY '00:00:20'";

// endsSoon wants a query to fail with a code in good time.
async function endsSoon(query, code) {
  const begun = Date.now();
  const error = await query.then(() => new Error('the query ended by itself'), (e) => e);
  const took = Date.now() - begun;
  if (error.code !== code) throw error;
  if (took > cancelWithin) throw new Error(`it took ${took} ms`);
  return code;
}

function cancelRunning(endpoint) {
  return withPool(endpoint, {}, async (pool) => {
    await batch(pool, 'CREATE TABLE #mine (a int)');
    const request = pool.request();
    setTimeout(() => request.cancel(), cancelAfter);
    const code = await endsSoon(request.batch(longQuery), 'ECANCEL');
    return `${code}, then ${await batch(pool, 'SELECT COUNT(*) AS n FROM #mine')}`;
  });
}

function requestTimeout(endpoint) {
  return withPool(endpoint, { requestTimeout: cancelAfter }, async (pool) => {
    const code = await endsSoon(pool.request().batch(longQuery), 'ETIMEOUT');
    return `${code}, then ${await batch(pool, 'SELECT 1 AS one')}`;
  });
}

// manyRequests shares few connections among many requests.
function manyRequests(endpoint) {
  return withPool(endpoint, { pool: { max: 5 } }, async (pool) => {
    await Promise.all(Array.from({ length: 200 }, async (_, i) => {
      const { recordset } = await pool.request().input('i', sql.Int, i).query('SELECT @i AS i');
      if (recordset[0].i !== i) throw new Error(`request ${i} got the answer ${formatValue(recordset[0].i)}`);
    }));
    return '200 requests over 5 connections';
  });
}

async function thousandConnects(endpoint) {
  for (let i = 0; i < 1000; i++) {
    try {
      await withPool(endpoint, {}, (pool) => pool.request().query('SELECT 1 AS one'));
    } catch (error) {
      throw new Error(`${i} ok, then ${error.message}`, { cause: error });
    }
  }
  return '1000 ok';
}

// leakCase sets state in one pool and looks from another one.
function leakCase(leak) {
  return {
    name: `reconnect/${leak.name}`,
    needs: leak.needs,
    run: async (endpoint) => {
      await withPool(endpoint, {}, async (pool) => {
        for (const text of leak.set) {
          const said = await batch(pool, text);
          if (said.includes('error(')) throw new Error(`${text}: ${said}`);
        }
      });
      return withPool(endpoint, {}, async (pool) => {
        const said = await batch(pool, leak.ask);
        for (const text of leak.clean ?? []) {
          await batch(pool, text);
        }
        return said;
      });
    },
  };
}

const cases = [
  ...stateLeaks('drv_npm').map(leakCase),
  { name: 'pool/many-requests', run: manyRequests },
  { name: 'cancel/running-query', needs: ['waitfor'], run: cancelRunning },
  { name: 'cancel/request-timeout', needs: ['waitfor'], run: requestTimeout },
  { name: 'connect/1000-in-a-row', run: thousandConnects },
];

module.exports = { cases };
