package backend

import (
	"testing"

	"sluice/tds"
)

func TestPacketSize(t *testing.T) {
	for _, tc := range []struct{ asked, limit, want int }{
		{0, 0, 4096},
		{0, 512, 512},
		{1, 0, 512},
		{511, 0, 512},
		{512, 0, 512},
		{515, 0, 512},
		{4095, 0, 4092},
		{4096, 0, 4096},
		{5000, 0, 4096},
		{7999, 0, 4096},
		{8000, 0, 8000},
		{8000, 4096, 4096},
		{16384, 0, 8000},
		{16384, 32767, 16384},
		{32767, 32767, 32764},
		{40000, 32767, 32764},
		{8000, 100, 512},
	} {
		got := PacketSize(tc.asked, tc.limit)
		if got != tc.want {
			t.Errorf("PacketSize(%d, %d) = %d, want %d", tc.asked, tc.limit, got, tc.want)
		}
		if tc.asked >= tds.MinPacketSize && got > tc.asked {
			t.Errorf("PacketSize(%d, %d) grants more than was asked for", tc.asked, tc.limit)
		}
	}
}

func TestPooled(t *testing.T) {
	for _, tc := range []struct {
		name   string
		login  tds.Login7
		reason string // "" if pooled
	}{
		{"plain", tds.Login7{UserName: "u", Password: "p"}, ""},
		{"read only", tds.Login7{TypeFlags: tds.LoginReadOnlyIntent}, ""},
		{"column encryption", feature(tds.FeatureColumnEncryption, 1), ""},
		{"SSPI", tds.Login7{OptionFlags2: tds.LoginIntegratedSecurity, SSPI: []byte{1}}, "integrated security"},
		{"FEDAUTH", feature(tds.FeatureFedAuth, 1), "federated authentication"},
		{"password change flag", tds.Login7{OptionFlags3: tds.LoginChangePassword}, "password change"},
		{"new password", tds.Login7{NewPassword: "n"}, "password change"},
		{"user instance", tds.Login7{OptionFlags3: tds.LoginUserInstance}, "user instance"},
		{"attach", tds.Login7{AtchDBFile: "x.mdf"}, "attached database file"},
		{"replication", tds.Login7{OptionFlags2: 0x30}, "replication login"},
		{"enclave", feature(tds.FeatureColumnEncryption, 2), "column encryption with enclaves"},
	} {
		ok, reason := Pooled(&tc.login)
		if ok != (tc.reason == "") || reason != tc.reason {
			t.Errorf("%s: got %v, %q, want %q", tc.name, ok, reason, tc.reason)
		}
	}
}

func feature(id tds.FeatureID, data ...byte) tds.Login7 {
	return tds.Login7{Version: tds.V74, Features: []tds.Feature{{ID: id, Data: data}}}
}

func base() tds.Login7 {
	return tds.Login7{
		Version: tds.V74, PacketSize: 4096, UserName: "u", Password: "p", Database: "db", Language: "us_english",
		AppName: "app", HostName: "host", ClientPID: 1, ConnectionID: 2,
		Features: []tds.Feature{{ID: tds.FeatureUTF8Support, Data: []byte{1}}, {ID: tds.FeatureDataClassification, Data: []byte{2}}},
	}
}

// What the server fixes at login must tell two keys apart, and what it does
// not must let clients share.
func TestKeyAgreement(t *testing.T) {
	match := Match{NodeName: "node"}
	named := Match{NodeName: "node", AppName: true, HostName: true}
	for _, tc := range []struct {
		name   string
		change func(*tds.Login7)
		match  Match
		same   bool
	}{
		{"nothing", func(*tds.Login7) {}, match, true},
		{"process id", func(l *tds.Login7) { l.ClientPID = 99 }, match, true},
		{"connection id", func(l *tds.Login7) { l.ConnectionID = 99 }, match, true},
		{"MAC address", func(l *tds.Login7) { l.ClientID = [6]byte{1} }, match, true},
		{"program version", func(l *tds.Login7) { l.ClientProgVer = 9 }, match, true},
		{"password", func(l *tds.Login7) { l.Password = "other" }, match, true}, // checked apart
		{"app, not told apart", func(l *tds.Login7) { l.AppName = "other" }, match, true},
		{"host, not told apart", func(l *tds.Login7) { l.HostName = "other" }, match, true},
		{"TDS 8.0 or 7.4", func(l *tds.Login7) { l.Version = tds.V80 }, match, true},
		{"wished packet size rounds", func(l *tds.Login7) { l.PacketSize = 4100 }, match, true},
		{"order of features", func(l *tds.Login7) { l.Features[0], l.Features[1] = l.Features[1], l.Features[0] }, match, true},
		{"session recovery", func(l *tds.Login7) {
			l.Features = append(l.Features, tds.Feature{ID: tds.FeatureSessionRecovery, Data: []byte{1}})
		}, match, true},
		{"app", func(l *tds.Login7) { l.AppName = "other" }, named, false},
		{"host", func(l *tds.Login7) { l.HostName = "other" }, named, false},
		{"user", func(l *tds.Login7) { l.UserName = "other" }, match, false},
		{"database", func(l *tds.Login7) { l.Database = "other" }, match, false},
		{"language", func(l *tds.Login7) { l.Language = "other" }, match, false},
		{"version", func(l *tds.Login7) { l.Version = tds.V72 }, match, false},
		{"packet size", func(l *tds.Login7) { l.PacketSize = 8000 }, match, false},
		{"ODBC", func(l *tds.Login7) { l.OptionFlags2 |= tds.LoginODBC }, match, false},
		{"read only", func(l *tds.Login7) { l.TypeFlags |= tds.LoginReadOnlyIntent }, match, false},
		{"unknown collation", func(l *tds.Login7) { l.OptionFlags3 |= tds.LoginUnknownCollation }, match, false},
		{"feature missing", func(l *tds.Login7) { l.Features = l.Features[:1] }, match, false},
		{"feature data", func(l *tds.Login7) { l.Features[0].Data = []byte{0} }, match, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, b := base(), base()
			tc.change(&b)
			_, ka := Request(&a, tc.match)
			_, kb := Request(&b, tc.match)
			if (ka == kb) != tc.same {
				t.Errorf("same key: %v, want %v\n%+v\n%+v", ka == kb, tc.same, ka, kb)
			}
		})
	}
}

func TestRequest(t *testing.T) {
	l := base()
	l.Version = tds.V80
	l.OptionFlags2 = tds.LoginODBC | tds.LoginIntegratedSecurity
	l.OptionFlags3 = tds.LoginYukonXML | tds.LoginExtension | tds.LoginUserInstance
	l.Features = append(l.Features,
		tds.Feature{ID: tds.FeatureSessionRecovery}, tds.Feature{ID: tds.FeatureEnhancedRouting}, tds.Feature{ID: tds.FeatureUserAgent})
	r, k := Request(&l, Match{NodeName: "node"})
	if r.Version != tds.V74 || k.Version != tds.V74 {
		t.Errorf("versions %v, %v", r.Version, k.Version)
	}
	if r.UserName != "u" || r.Password != "p" || r.Database != "db" || r.Language != "us_english" {
		t.Errorf("login %v", r)
	}
	if r.AppName != "Sluice" || r.HostName != "node" || r.ClientPID != 0 || r.ConnectionID != 0 {
		t.Errorf("names %q, %q, ids %d, %d", r.AppName, r.HostName, r.ClientPID, r.ConnectionID)
	}
	if r.OptionFlags2 != tds.LoginODBC|tds.LoginLanguageFatal || r.OptionFlags3 != tds.LoginYukonXML {
		t.Errorf("flags %#x, %#x", r.OptionFlags2, r.OptionFlags3)
	}
	if len(r.Features) != 2 {
		t.Errorf("features %v", r.Features)
	}
	l.Version = tds.V72
	if r, _ := Request(&l, Match{}); len(r.Features) != 0 {
		t.Errorf("a login for TDS 7.2 asks for features %v", r.Features)
	}
}
