'use strict';
// The patterns of ../README.md with the mssql package and its pool.

const { patternCases, plainTurn, tempTableTurn } = require('../nodelib/patterns.js');
const { config, sql } = require('./client.js');

const table = 'drv_npm_pattern';

async function open(endpoint) {
  const pool = new sql.ConnectionPool(config(endpoint));
  await pool.connect();
  return {
    pool,
    run: async (text) => ((await pool.request().batch(text)).recordset ?? []).map((row) => Object.values(row)[0]),
    close: () => pool.close(),
  };
}

const insert = (owner, i) => new sql.Request(owner).input('a', sql.Int, i).query(`INSERT INTO ${table} (id, s) VALUES (@a, N'row')`);

async function prepared(pool, text, all) {
  const statement = new sql.PreparedStatement(pool);
  statement.input('a', sql.Int);
  await statement.prepare(text);
  for (const a of all) {
    await statement.execute({ a });
  }
  await statement.unprepare();
}

const cases = patternCases('mssql', table, open, {
  plain: plainTurn(table),
  parameters: async ({ pool }, i) => {
    const request = (s) => pool.request().input('a', sql.Int, i).input('s', sql.NVarChar(50), s);
    await request('row').query(`INSERT INTO ${table} (id, s) VALUES (@a, @s)`);
    await request('new').query(`UPDATE ${table} SET s = @s WHERE id = @a`);
    await request('new').query(`SELECT id FROM ${table} WHERE id = @a AND s = @s`);
  },
  prepared: async ({ pool }, i) => {
    await prepared(pool, `INSERT INTO ${table} (id, s) VALUES (@a, N'row')`, [i]);
    await prepared(pool, `SELECT id FROM ${table} WHERE id = @a`, [i, i, i]);
  },
  transactions: async ({ pool }, i) => {
    const transaction = new sql.Transaction(pool);
    await transaction.begin();
    await insert(transaction, i);
    await new sql.Request(transaction).input('a', sql.Int, i).query(`SELECT id FROM ${table} WHERE id = @a`);
    if (i % 4 === 3) {
      await transaction.rollback();
      await insert(pool, i);
    } else {
      await transaction.commit();
    }
  },
  bulk: async ({ pool }, i) => {
    const rows = new sql.Table(table);
    rows.create = false;
    rows.columns.add('id', sql.Int, { nullable: false });
    rows.columns.add('s', sql.NVarChar(50), { nullable: true });
    rows.rows.add(i, 'row');
    await pool.request().bulk(rows);
  },
  temp_table: tempTableTurn(table),
}, { bulk: 'bulk' });

module.exports = { cases };
