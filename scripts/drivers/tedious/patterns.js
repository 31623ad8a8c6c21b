'use strict';
// The patterns of ../README.md with tedious.

const { Request, TYPES } = require('tedious');
const { patternCases, plainTurn, tempTableTurn } = require('../nodelib/patterns.js');
const { close, connect } = require('./client.js');

const table = 'drv_ted_pattern';

// send makes a request, adds parameters [name, type, value] to it, and resolves
// to the first column of the rows.
function send(connection, method, text, parameters = []) {
  return new Promise((resolve, reject) => {
    const rows = [];
    const request = new Request(text, (error) => (error ? reject(error) : resolve(rows)));
    for (const [name, type, value] of parameters) {
      request.addParameter(name, type, value);
    }
    request.on('row', (columns) => rows.push(columns[0].value));
    connection[method](request);
  });
}

function call(connection, method) {
  return new Promise((resolve, reject) => {
    connection[method]((error) => (error ? reject(error) : resolve()));
  });
}

async function open(endpoint) {
  const connection = await connect(endpoint);
  return {
    connection,
    run: (text) => send(connection, 'execSqlBatch', text),
    ask: (text, ...parameters) => send(connection, 'execSql', text, parameters),
    close: () => close(connection),
  };
}

// prepared runs a statement with each of the values.
function prepared(connection, text, all) {
  return new Promise((resolve, reject) => {
    let next = 0;
    const request = new Request(text, (error) => {
      if (error) {
        reject(error);
      } else if (next < all.length) {
        connection.execute(request, { a: all[next++] });
      } else if (next++ === all.length) {
        connection.unprepare(request);
      } else {
        resolve();
      }
    });
    request.addParameter('a', TYPES.Int);
    request.once('prepared', () => connection.execute(request, { a: all[next++] }));
    connection.prepare(request);
  });
}

function bulk(connection, id) {
  return new Promise((resolve, reject) => {
    const load = connection.newBulkLoad(table, (error) => (error ? reject(error) : resolve()));
    load.addColumn('id', TYPES.Int, { nullable: false });
    load.addColumn('s', TYPES.NVarChar, { length: 50, nullable: true });
    connection.execBulkLoad(load, [[id, 'row']]);
  });
}

const cases = patternCases('tedious', table, open, {
  plain: plainTurn(table),
  parameters: async (client, i) => {
    const [a, s, n] = [['a', TYPES.Int, i], ['s', TYPES.NVarChar, 'row'], ['s', TYPES.NVarChar, 'new']];
    await client.ask(`INSERT INTO ${table} (id, s) VALUES (@a, @s)`, a, s);
    await client.ask(`UPDATE ${table} SET s = @s WHERE id = @a`, a, n);
    await client.ask(`SELECT id FROM ${table} WHERE id = @a AND s = @s`, a, n);
  },
  prepared: async ({ connection }, i) => {
    await prepared(connection, `INSERT INTO ${table} (id, s) VALUES (@a, N'row')`, [i]);
    await prepared(connection, `SELECT id FROM ${table} WHERE id = @a`, [i, i, i]);
  },
  transactions: async (client, i) => {
    await call(client.connection, 'beginTransaction');
    await client.ask(`INSERT INTO ${table} (id, s) VALUES (@a, N'row')`, ['a', TYPES.Int, i]);
    await client.ask(`SELECT id FROM ${table} WHERE id = @a`, ['a', TYPES.Int, i]);
    if (i % 4 === 3) {
      await call(client.connection, 'rollbackTransaction');
      await client.ask(`INSERT INTO ${table} (id, s) VALUES (@a, N'row')`, ['a', TYPES.Int, i]);
    } else {
      await call(client.connection, 'commitTransaction');
    }
  },
  bulk: ({ connection }, i) => bulk(connection, i),
  temp_table: tempTableTurn(table),
}, { bulk: 'bulk' });

module.exports = { cases };
