package main

import (
	"context"
	"crypto/hmac"
	"fmt"
	"slices"
	"strings"

	"sluice/actors/actor"
	"sluice/actors/bucket"
	"sluice/actors/refusal"
	"sluice/actors/session"
	"sluice/configs"
	"sluice/tds"
)

// console lets the logins of admin.users look into the node and give it orders,
// over TDS. It implements session.Console.
type console struct {
	n        *node
	database string
	users    map[string]consoleUser // by name in lower case
}

type consoleUser struct {
	name     string
	password bucket.Digest
	rank     int
}

// ranks are the roles; each may do what those of lower rank may.
var ranks = map[string]int{configs.RoleStats: 1, configs.RoleOperator: 2, configs.RoleAdmin: 3}

// needs says which rank each command takes, and what it does.
var needs = []struct {
	verb, usage, role, about string
}{
	{"SHOW", "SHOW BUCKETS", configs.RoleStats, "buckets: what this node holds, uses and may have, and all nodes"},
	{"SHOW", "SHOW POOLS", configs.RoleStats, "idle backends by what they fit"},
	{"SHOW", "SHOW CLIENTS [bucket]", configs.RoleStats, "clients and what each waits for, those that wait for a backend first"},
	{"SHOW", "SHOW BACKENDS [bucket]", configs.RoleStats, "backends in use and by whom, those held longest first"},
	{"SHOW", "SHOW QUEUE [bucket]", configs.RoleStats, "who waits for a backend, in order, since when and why"},
	{"SHOW", "SHOW NODES [bucket]", configs.RoleStats, "which node holds how many slots, by gossip and by the ledger"},
	{"SHOW", "SHOW PINS [bucket]", configs.RoleStats, "who keeps a backend in transaction pooling, and why"},
	{"SHOW", "SHOW CONFIG", configs.RoleStats, "the configuration and where it was given"},
	{"SHOW", "SHOW LISTS", configs.RoleStats, "how many there are of everything"},
	{"SHOW", "SHOW VERSION", configs.RoleStats, "version of the node"},
	{"SHOW", "SHOW HELP", configs.RoleStats, "this list"},
	{"PAUSE", "PAUSE bucket [seconds]", configs.RoleOperator, "hand out no backend of a bucket, and wait until none is in use, 10 seconds at most if not told"},
	{"RESUME", "RESUME bucket", configs.RoleOperator, "undo PAUSE"},
	{"KILL", "KILL client", configs.RoleOperator, "end a client, by the id that SHOW CLIENTS has"},
	{"RELOAD", "RELOAD", configs.RoleAdmin, "read the configuration again, as SIGHUP does"},
	{"DRAIN", "DRAIN", configs.RoleAdmin, "let clients end and then stop the node, as SIGTERM does"},
}

func roleFor(verb string) string {
	for _, c := range needs {
		if c.verb == verb {
			return c.role
		}
	}
	return ""
}

// newConsole returns nil if nobody may log in to it.
func newConsole(n *node, c *configs.Config) session.Console {
	if len(c.Admin.Users) == 0 {
		return nil
	}
	con := &console{n: n, database: c.Admin.Database, users: map[string]consoleUser{}}
	for _, u := range c.Admin.Users {
		name := strings.ToLower(u.User)
		user := consoleUser{name: u.User, password: n.env.Credentials.Digest(consoleRealm, name, u.Password.Reveal())}
		for _, r := range u.Roles {
			user.rank = max(user.rank, ranks[strings.ToLower(r)])
		}
		con.users[name] = user
	}
	return con
}

// consoleRealm keeps digests of the console apart from those of buckets, whose
// ids cannot be so named.
const consoleRealm = "admin.users"

// Serves implements session.Console.
func (c *console) Serves(l *tds.Login7) bool { return strings.EqualFold(l.Database, c.database) }

// Open implements session.Console. A digest is computed for an unknown user
// too, so that the time taken tells nothing.
func (c *console) Open(l *tds.Login7, id actor.ID, from string) session.Operator {
	name := strings.ToLower(l.UserName)
	sum := c.n.env.Credentials.Digest(consoleRealm, name, l.Password)
	u, known := c.users[name]
	if right := hmac.Equal(sum[:], u.password[:]); !known || !right {
		c.n.log.Warn("login to the console refused", "user", l.UserName, "from", from)
		return nil
	}
	c.n.log.Info("login to the console", "user", u.name, "from", from, "client", id, "app", l.AppName)
	return &operator{n: c.n, id: id, user: u.name, rank: u.rank, from: from, database: c.database}
}

// operator is one login. It implements session.Operator.
type operator struct {
	n              *node
	id             actor.ID
	user, database string
	rank           int
	from           string
}

// Run implements session.Operator.
func (o *operator) Run(batch string) (a session.ConsoleAnswer) {
	for _, st := range parseBatch(batch) {
		if st.verb == "" {
			continue
		}
		r, err := o.command(st, &a)
		if err != nil {
			a.Err = err
			return a
		}
		a.Results = append(a.Results, r)
	}
	return a
}

func (o *operator) command(st piece, a *session.ConsoleAnswer) (session.ConsoleResult, *refusal.Error) {
	switch st.verb {
	case "SELECT":
		return o.probe(st.args), nil
	case "EXEC", "EXECUTE":
		return session.ConsoleResult{Message: "procedures are not run here"}, nil
	}
	role := roleFor(st.verb)
	if role == "" {
		return session.ConsoleResult{}, badCommand("there is no command %s; SHOW HELP lists them", st.verb)
	}
	if o.rank < ranks[role] {
		o.n.log.Warn("console command refused", "command", st.verb, "user", o.user, "from", o.from, "client", o.id)
		return session.ConsoleResult{}, &refusal.Error{Cause: refusal.NotAllowed, Detail: fmt.Sprintf("%s takes the role %s, and %s has not got it", st.verb, role, o.user)}
	}
	if st.verb == "SHOW" {
		t, err := o.show(st.args)
		return session.ConsoleResult(t), err
	}
	t, err := o.order(st, a)
	said := []any{"command", o.spell(st), "user", o.user, "from", o.from, "client", o.id}
	if err != nil {
		o.n.log.Warn("console command failed", append(said, "err", err.Detail)...)
	} else {
		o.n.log.Info("console command", said...)
	}
	return session.ConsoleResult(t), err
}

func (o *operator) spell(st piece) string {
	words := []string{st.verb}
	for _, t := range st.args {
		words = append(words, t.text)
	}
	return strings.Join(words, " ")
}

func badCommand(format string, args ...any) *refusal.Error {
	return &refusal.Error{Cause: refusal.BadCommand, Detail: fmt.Sprintf(format, args...)}
}

// show answers SHOW.
func (o *operator) show(args []token) (table, *refusal.Error) {
	if len(args) == 0 || len(args) > 2 {
		return table{}, badCommand("SHOW what? SHOW HELP lists it")
	}
	ctx, cancel := context.WithTimeout(o.n.consoles, inspectWithin)
	defer cancel()
	q := viewQuery{n: defaultRows}
	if len(args) == 2 {
		rb, err := o.bucket(args[1])
		if err != nil {
			return table{}, err
		}
		q.bucket = rb.ID
	}
	view, ok := views[strings.ToLower(args[0].text)]
	if !ok {
		return table{}, badCommand("there is no SHOW %s; SHOW HELP lists what there is", args[0].text)
	}
	return view(ctx, o.n, q), nil
}

// bucket finds a bucket by its name in any case.
func (o *operator) bucket(t token) (*runningBucket, *refusal.Error) {
	all := o.n.bucketList()
	i := slices.IndexFunc(all, func(b *runningBucket) bool { return strings.EqualFold(b.ID, t.text) })
	if i < 0 {
		return nil, badCommand("there is no bucket %s", t.text)
	}
	return all[i], nil
}
