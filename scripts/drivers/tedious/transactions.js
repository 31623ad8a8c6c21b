'use strict';
// Transactions through the driver's calls (transaction-manager requests).

const { ISOLATION_LEVEL } = require('tedious');
const { batch, withConnection } = require('./client.js');

function promised(connection, method, ...args) {
  return new Promise((resolve, reject) => {
    connection[method]((error, value) => (error ? reject(error) : resolve(value)), ...args);
  });
}

const count = 'SELECT @@TRANCOUNT AS depth, COUNT(*) AS n FROM #t';

// transaction runs steps over an empty table #t and shows it at the end.
function transaction(name, steps, needs) {
  return {
    name: `tran/${name}`,
    needs,
    run: (endpoint) => withConnection(endpoint, {}, async (connection) => {
      await batch(connection, 'CREATE TABLE #t (a int NOT NULL)');
      const inside = await steps(connection);
      return `${inside} | ${await batch(connection, count)}`;
    }),
  };
}

function insert(connection, n) {
  return batch(connection, `INSERT INTO #t (a) VALUES (${n})`);
}

function isolation(name, needs) {
  return transaction(`api-isolation-${name.toLowerCase().replaceAll('_', '-')}`, async (connection) => {
    await promised(connection, 'beginTransaction', '', ISOLATION_LEVEL[name]);
    await insert(connection, 1);
    const inside = await batch(connection, count);
    await promised(connection, 'commitTransaction');
    return inside;
  }, needs);
}

const cases = [
  transaction('api-commit', async (connection) => {
    await promised(connection, 'beginTransaction');
    await insert(connection, 1);
    const inside = await batch(connection, count);
    await promised(connection, 'commitTransaction');
    return inside;
  }),
  transaction('api-rollback', async (connection) => {
    await promised(connection, 'beginTransaction', 'named');
    await insert(connection, 1);
    const inside = await batch(connection, count);
    await promised(connection, 'rollbackTransaction');
    return inside;
  }),
  transaction('api-savepoint', async (connection) => {
    await promised(connection, 'beginTransaction');
    await insert(connection, 1);
    await promised(connection, 'saveTransaction', 'here');
    await insert(connection, 2);
    await promised(connection, 'rollbackTransaction', 'here');
    await insert(connection, 3);
    const inside = await batch(connection, 'SELECT a FROM #t ORDER BY a');
    await promised(connection, 'commitTransaction');
    return inside;
  }, ['savepoint']),
  transaction('api-error-inside', async (connection) => {
    await promised(connection, 'beginTransaction');
    await insert(connection, 1);
    const inside = `${await batch(connection, 'SELECT 1/0 AS never')} ${await batch(connection, count)}`;
    await promised(connection, 'rollbackTransaction');
    return inside;
  }),
  transaction('api-many', async (connection) => {
    for (let i = 0; i < 50; i++) {
      await promised(connection, 'beginTransaction');
      await insert(connection, i);
      await promised(connection, i % 2 === 0 ? 'commitTransaction' : 'rollbackTransaction');
    }
    return batch(connection, 'SELECT SUM(a) AS total FROM #t');
  }),
  ...['READ_UNCOMMITTED', 'READ_COMMITTED', 'REPEATABLE_READ', 'SERIALIZABLE'].map((name) => isolation(name)),
  isolation('SNAPSHOT', ['snapshot']),
];

module.exports = { cases };
