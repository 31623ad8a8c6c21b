package configs

import (
	"fmt"
	"strings"
)

// Admin says who may look into a node and give it orders: over HTTP whoever has
// the token, or loopback peers where there is none; over TDS the users.
type Admin struct {
	Token     Secret      `mapstructure:"token"`
	DebugAddr string      `mapstructure:"debug_addr" usage:"host:port for /debug alone (empty: on the health port)"`
	Database  string      `mapstructure:"database" live:"true" usage:"database that admin.users log in to for the console"`
	Users     []AdminUser `mapstructure:"users" live:"true"`
}

// AdminUser is a login of the console. Without any there is no console.
type AdminUser struct {
	User     string   `mapstructure:"user"`
	Password Secret   `mapstructure:"password"`
	Roles    []string `mapstructure:"roles"`
}

// The roles of the console. Each includes those before it.
const (
	RoleStats    = "stats"    // look
	RoleOperator = "operator" // pause and resume buckets, end clients
	RoleAdmin    = "admin"    // reload and drain the node
)

func adminUserKey(i int, name string) string { return fmt.Sprintf("admin.users[%d].%s", i, name) }

func (v *checker) admin() {
	oneOf(v, "log.level", v.c.Log.Level, "debug", "info", "warn", "error")
	oneOf(v, "log.format", v.c.Log.Format, "text", "json")
	v.count("log.client_sample", v.c.Log.ClientSample, "none")
	v.notNegative("log.client_slow", v.c.Log.ClientSlow, "never")
	a := v.c.Admin
	if addr := a.DebugAddr; addr != "" {
		v.hostPort("admin.debug_addr", addr)
	}
	if len(a.Users) > 0 {
		v.fail(a.Database != "", "admin.database", a.Database, "must be a name, since there are admin.users")
	}
	for _, b := range v.c.EffectiveBuckets() {
		if len(a.Users) > 0 && containsFold(b.Databases, a.Database) {
			v.fail(false, "admin.database", a.Database, "must not be a database of a bucket, "+b.ID+" has it")
		}
	}
	seen := map[string]bool{}
	for i, u := range a.Users {
		name := strings.ToLower(u.User)
		v.fail(u.User != "", adminUserKey(i, "user"), u.User, "must be the name that the operator logs in with")
		v.fail(!seen[name] || name == "", adminUserKey(i, "user"), u.User, "must be given once")
		v.fail(u.Password != "", adminUserKey(i, "password"), u.Password, "must be the password that the operator logs in with")
		v.fail(len(u.Roles) > 0, adminUserKey(i, "roles"), u.Roles, "must name at least one of stats, operator and admin")
		for j, r := range u.Roles {
			oneOf(v, fmt.Sprintf("%s[%d]", adminUserKey(i, "roles"), j), strings.ToLower(r), RoleStats, RoleOperator, RoleAdmin)
		}
		seen[name] = true
	}
}
