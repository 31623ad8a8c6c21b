'use strict';
// What applications do most, each by a client of its own; see ../README.md.

const { list } = require('./endpoint.js');

// patternCases makes the cases of a driver. open(endpoint) resolves to a client
// with close() and run(text), which resolves to the rows; each of turns adds a
// row of that number to the table.
function patternCases(driver, table, open, turns, needs = {}) {
  return Object.entries(turns).map(([name, turn]) => ({
    name: `pattern/${driver}/${name}`,
    needs: list(needs[name]),
    run: async (endpoint) => {
      const client = await open(endpoint);
      try {
        return await allTurns(client, table, turn);
      } finally {
        await client.close();
      }
    },
  }));
}

async function allTurns(client, table, turn) {
  const turns = Number(process.env.TDS_PATTERN_TURNS || 20);
  await client.run(`DROP TABLE IF EXISTS ${table}`);
  await client.run(`CREATE TABLE ${table} (id int NOT NULL, s nvarchar(50) NULL)`);
  for (let i = 0; i < turns; i++) {
    await turn(client, i);
  }
  const [n] = await client.run(`SELECT COUNT(*) AS n FROM ${table}`);
  if (n !== turns) throw new Error(`${n} rows of ${turns}`);
  await client.run(`DROP TABLE ${table}`);
  return `${turns} turns`;
}

// plainTurn and tempTableTurn are the same for all drivers: text alone.
function plainTurn(table) {
  return async (client, i) => {
    await client.run(`SELECT COUNT(*) AS n FROM ${table}`);
    await client.run(`INSERT INTO ${table} (id, s) VALUES (${i}, N'row')`);
    await client.run(`UPDATE ${table} SET s = N'new' WHERE id = ${i}`);
    await client.run(`SELECT id FROM ${table} WHERE id = ${i}`);
  };
}

function tempTableTurn(table) {
  return async (client, i) => {
    await client.run('CREATE TABLE #pattern (id int NOT NULL)');
    await client.run(`INSERT INTO #pattern (id) VALUES (${i})`);
    await client.run(`INSERT INTO ${table} (id, s) SELECT id, N'row' FROM #pattern`);
    await client.run('DROP TABLE #pattern');
  };
}

module.exports = { patternCases, plainTurn, tempTableTurn };
