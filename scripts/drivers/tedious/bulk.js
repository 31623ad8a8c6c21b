'use strict';
// Bulk load with newBulkLoad, and values larger than a packet either way.

const { TYPES } = require('tedious');
const { describeError, formatText, formatValue, hash } = require('../nodelib/format.js');
const { letters, numbers, pattern } = require('../nodelib/values.js');
const { batch, execute, isServerError, perform, withConnection } = require('./client.js');

const table = 'drv_ted_bulk';

async function withTable(connection, use) {
  await batch(connection, `DROP TABLE IF EXISTS ${table}`);
  await batch(connection, `CREATE TABLE ${table} (id int NOT NULL CONSTRAINT drv_ted_bulk_pk PRIMARY KEY, s nvarchar(100) NULL, f float NULL, b varbinary(100) NULL, d datetime2(7) NULL, t bit NULL, l nvarchar(max) NULL)`);
  const text = await use();
  await batch(connection, `DROP TABLE ${table}`);
  return text;
}

function* rows(first, n) {
  for (let id = first; id < first + n; id++) {
    yield id % 3 === 0
      ? [id, null, null, null, null, null, null]
      : [id, `row ${id} é😀`, id / 4, pattern(id % 100), new Date(Date.UTC(2024, 1, 29, 12, 34, 56, 765) + id * 1000), id % 2 === 0, letters(id % 5000)];
  }
}

function load(connection, first, n) {
  return new Promise((resolve, reject) => {
    const bulk = connection.newBulkLoad(table, { keepNulls: true }, (error, count) => (error ? reject(error) : resolve(count)));
    bulk.addColumn('id', TYPES.Int, { nullable: false });
    bulk.addColumn('s', TYPES.NVarChar, { length: 100, nullable: true });
    bulk.addColumn('f', TYPES.Float, { nullable: true });
    bulk.addColumn('b', TYPES.VarBinary, { length: 100, nullable: true });
    bulk.addColumn('d', TYPES.DateTime2, { scale: 7, nullable: true });
    bulk.addColumn('t', TYPES.Bit, { nullable: true });
    bulk.addColumn('l', TYPES.NVarChar, { length: Infinity, nullable: true });
    connection.execBulkLoad(bulk, rows(first, n));
  });
}

async function insert(connection) {
  return withTable(connection, async () => {
    const count = await load(connection, 1, 5000);
    return `loaded ${count} ${await batch(connection, `SELECT COUNT(*) AS n, SUM(id) AS total, COUNT(s) AS texts FROM ${table}
SELECT id, s, f, b, d, t FROM ${table} WHERE id IN (1, 3, 4999) ORDER BY id`)}`;
  });
}

async function duplicate(connection) {
  return withTable(connection, async () => {
    await batch(connection, `INSERT INTO ${table} (id) VALUES (50)`);
    let said = 'no error';
    try {
      await load(connection, 1, 100);
    } catch (error) {
      if (!isServerError(error)) throw error;
      said = describeError(error);
    }
    return `${said} left ${await batch(connection, `SELECT COUNT(*) AS n FROM ${table}`)}`;
  });
}

async function largeResult(connection) {
  const { rows: got, error } = await perform(connection, `${numbers} ORDER BY n`, (request) => connection.execSqlBatch(request));
  if (error) throw error;
  return `${got.length} rows ${hash(got.map(([n, s]) => `${n}${s}`).join(''))}`;
}

async function largeText(connection) {
  const text = letters(100_000);
  const { rows: got, error } = await perform(connection, `SELECT '${text}' AS v`, (request) => connection.execSqlBatch(request));
  if (error) throw error;
  if (got[0][0] !== text) throw new Error(`sent ${formatText(text)}, got ${formatValue(got[0][0])}`);
  return formatText(text);
}

async function manyStatements(connection) {
  let sql = '';
  for (let i = 0; i < 200; i++) {
    sql += `SELECT ${i} AS n -- ${letters(60)}\n`;
  }
  const text = await batch(connection, sql);
  return `${text.split('[n:').length - 1} result sets ${hash(text)}`;
}

async function manyParameters(connection) {
  const names = Array.from({ length: 2000 }, (_, i) => `p${i}`);
  const { rows: got, error } = await execute(connection, `SELECT ${names.map((n) => `@${n}`).join('+')} AS total`,
    names.map((name, i) => [name, TYPES.BigInt, String(i)]));
  if (error) throw error;
  return formatValue(got[0][0]);
}

function on(name, use, needs) {
  return { name, needs, run: (endpoint) => withConnection(endpoint, {}, use) };
}

const cases = [
  on('bulk/insert', insert, ['bulk']),
  on('bulk/duplicate-key', duplicate, ['bulk']),
  on('results/large-20000-rows', largeResult),
  on('batch/large-text-100kb', largeText),
  on('batch/many-statements', manyStatements),
  on('param/two-thousand', manyParameters),
];

module.exports = { cases };
