package configs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func loadText(t *testing.T, text string) (*Config, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "proxy.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(Sources{Files: []string{name}})
}

const appBucket = "buckets: [{id: b1, host: h, database: app1, max_connections: 5}]\n"

func TestAdminUsers(t *testing.T) {
	t.Setenv("SLUICE_ADMIN_USERS_OPS_PASSWORD", "from the environment")
	c, err := loadText(t, appBucket+"admin: {users: [{user: ops, roles: [operator, Stats]}, {user: eve, password: p, roles: admin}]}\n")
	if err != nil {
		t.Fatal(err)
	}
	if c.Admin.Database != "sluice" || len(c.Admin.Users) != 2 || c.Admin.Users[0].Password.Reveal() != "from the environment" || len(c.Admin.Users[0].Roles) != 2 {
		t.Errorf("users: %+v", c.Admin)
	}
	if strings.Contains(c.Dump(), "from the environment\n") {
		t.Error("a password is printed")
	}
}

func TestAdminUsersMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"{users: [{user: ops, password: p}]}":                                                           "roles",
		"{users: [{user: ops, password: p, roles: [boss]}]}":                                            "must be stats, operator or admin",
		"{users: [{user: ops, roles: [stats]}]}":                                                        "password",
		"{users: [{password: p, roles: [stats]}]}":                                                      "admin.users[0].user",
		"{users: [{user: ops, password: p, roles: [stats]}, {user: OPS, password: p, roles: [stats]}]}": "must be given once",
		"{database: APP1, users: [{user: ops, password: p, roles: [stats]}]}":                           "must not be a database of a bucket, b1 has it",
		"{database: '', users: [{user: ops, password: p, roles: [stats]}]}\nlog: {client_sample: -1}\n": "client_sample",
		"{}\nlog: {client_slow: -1s}\n":                                                                 "client_slow",
	} {
		if _, err := loadText(t, appBucket+"admin: "+text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if _, err := loadText(t, appBucket+"admin: {database: app1}\n"); err != nil {
		t.Errorf("a name that is not used: %v", err)
	}
}
