'use strict';
// Looks at a console with tedious: console.js MODULES PORT USER PASSWORD.

const [modules, port, user, password] = process.argv.slice(2);
const { Connection, Request } = require(`${modules}/tedious`);

const connect = (pass, done) => {
  const connection = new Connection({
    server: 'localhost',
    authentication: { type: 'default', options: { userName: user, password: pass } },
    options: { port: Number(port), database: 'sluice', encrypt: true, trustServerCertificate: true, rowCollectionOnRequestCompletion: true },
  });
  connection.on('connect', (err) => done(err, connection));
  connection.connect();
};

const run = (connection, send, command) => new Promise((resolve) => {
  const request = new Request(command, (err, count, rows) => {
    if (err) {
      console.log(command, err.number);
    } else {
      console.log(command, rows.length, JSON.stringify(Object.fromEntries(rows[0].map((c) => [c.metadata.colName, c.value]))));
    }
    resolve();
  });
  connection[send](request);
});

connect(password, async (err, connection) => {
  if (err) {
    throw err;
  }
  await run(connection, 'execSqlBatch', 'SHOW BUCKETS');
  await run(connection, 'execSql', 'SHOW LISTS');
  await run(connection, 'execSql', 'PAUSE bucket-001 0');
  await run(connection, 'execSql', 'RESUME bucket-001');
  await run(connection, 'execSql', 'FLY');
  connection.close();
  connect('wrong', (refused) => console.log('wrong password', refused && refused.message));
});
