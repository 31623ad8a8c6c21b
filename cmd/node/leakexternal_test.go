package main

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/configs"
	"sluice/tds"
)

// external uses servers that run already.
func (x *leakRun) external(t *testing.T, b *configs.Bucket) {
	t.Helper()
	user, password, _ := strings.Cut(*leakLogin, ":")
	x.users = []leakUser{{user, password}}
	x.alone = []string{*leakTwin}
	x.tag = "_" + strconv.FormatInt(time.Now().Unix(), 36) // tables of earlier runs are still there
	a, err := net.ResolveTCPAddr("tcp", *leakServer)
	if err != nil {
		t.Fatal(err)
	}
	*b = configs.Bucket{ID: "bucket-001", Host: a.IP.String(), Port: a.Port, Databases: []string{"app1"}, MaxConnections: x.backends}
	for _, addr := range []string{*leakServer, *leakTwin} {
		var s side
		s.addr = addr
		if err := s.connect(tds.Login7{UserName: user, Password: password, Database: "master", Version: tds.V74, OptionFlags2: tds.LoginODBC}); err != nil {
			t.Fatal(addr, err)
		}
		for _, db := range []string{"app1", "app2"} {
			if r, err := s.client.Query("IF DB_ID('" + db + "') IS NULL CREATE DATABASE " + db); err != nil || r.Err() != nil {
				t.Fatal(addr, err, r.Err())
			}
		}
		_ = s.client.Close()
	}
}
