'use strict';
// The logins that every package tries: those that must work, and those that must not.

const { knownModes } = require('./endpoint.js');
const { Skip } = require('./suite.js');

// loginCases returns the cases through one package. loginAndAsk(endpoint, change)
// logs in with some settings changed and returns what a query said;
// refusedLogin(endpoint, change) expects a refusal and returns that.
function loginCases(loginAndAsk, refusedLogin) {
  return [
    ...knownModes.map((mode) => ({
      name: `login/encrypt-${mode}`,
      run: async (endpoint) => {
        if (mode === 'login') throw new Skip('the driver has no login-only encryption');
        if (!endpoint.modes.includes(mode)) throw new Skip(`the endpoint does not offer encryption mode ${mode}`);
        if (mode === 'strict' && !endpoint.certificateFile) throw new Skip('strict needs TDS_SERVER_CERT');
        return loginAndAsk(endpoint, { mode });
      },
    })),
    {
      name: 'login/second-user',
      run: async (endpoint) => {
        if (!endpoint.user2) throw new Skip('TDS_USER2 is not set');
        return loginAndAsk(endpoint, { user: endpoint.user2, password: endpoint.password2, database: endpoint.database2 });
      },
    },
    { name: 'login/wrong-password', run: (endpoint) => refusedLogin(endpoint, { password: `not-${endpoint.password}` }) },
    { name: 'login/unknown-user', run: (endpoint) => refusedLogin(endpoint, { user: 'no_such_user' }) },
    { name: 'login/unknown-database', run: (endpoint) => refusedLogin(endpoint, { database: 'no_such_database' }) },
  ];
}

module.exports = { loginCases };
