package backend

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"sluice/tds"
	"sluice/tds/tdstest"
)

// serverAnswer is what a scripted server says to l, with more before the DONE.
func serverAnswer(l tds.Login7, more ...[]byte) []byte {
	b := tdstest.LoginTokens(l)
	for _, m := range more {
		b = append(b, m...)
	}
	return tds.Done{CurCmd: tds.CurCmdNone}.Append(b, l.Version)
}

func parsed(t *testing.T, payload []byte, v tds.Version) tdstest.Response {
	t.Helper()
	r, err := tdstest.ParseResponse(tds.Message{Type: tds.PacketReply, Payload: payload}, v)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The answer that a client of each version gets must be one that it can read,
// in the order in which SQL Server sends it.
func TestAnswerRoundTrip(t *testing.T) {
	for _, v := range []tds.Version{tds.V71, 0x71000000, tds.V72, tds.V73A, tds.V73B, tds.V74, tds.V80} {
		t.Run(v.String(), func(t *testing.T) {
			client := tds.Login7{Version: v, UserName: "u", Database: "db", PacketSize: 8000}
			send, _ := Request(&client, Match{})
			more := (&tds.ServerError{Number: 15000, Class: 0, Text: "note", Line: 70000}).Append(nil, send.Version)
			a, err := parseAnswer(serverAnswer(send, more), send.Version, send.PacketSize)
			if err != nil {
				t.Fatal(err)
			}
			if a.Database != "db" || a.Language != "us_english" || a.PacketSize != 4096 || len(a.Collation) != 5 || len(a.Infos) != 3 {
				t.Errorf("parsed %+v", a)
			}
			tokens := v.Tokens()
			if n, err := v.Normalize(); err == nil {
				tokens = n.Tokens()
			}
			r := parsed(t, a.Append(nil, &client), tokens)
			var kinds []tds.Token
			for _, tok := range r.Tokens {
				kinds = append(kinds, tok.Kind)
			}
			want := []tds.Token{
				tds.TokenEnvChange, tds.TokenInfo, tds.TokenEnvChange, tds.TokenEnvChange, tds.TokenInfo, tds.TokenInfo,
				tds.TokenLoginAck, tds.TokenEnvChange, tds.TokenDone,
			}
			if !slices.Equal(kinds, want) {
				t.Errorf("tokens %v, want %v", kinds, want)
			}
			var numbers []int32
			for _, i := range r.Infos() {
				numbers = append(numbers, i.Number)
			}
			if !slices.Equal(numbers, []int32{5701, 5703, 15000}) {
				t.Errorf("infos %v", numbers)
			}
			ack, ok := r.LoginAck()
			wantAck := send.Version
			if v == tds.V80 {
				wantAck = tds.V80
			}
			if !ok || ack.Version != wantAck || ack.ProgName != "Microsoft SQL Server\x00\x00" {
				t.Errorf("acknowledged %+v, want version %v", ack, wantAck)
			}
			if e := r.EnvChanges(tds.EnvPacketSize); len(e) != 1 || e[0].New != "4096" {
				t.Errorf("packet size %v", e)
			}
			if e := r.EnvChanges(tds.EnvDatabase); len(e) != 1 || e[0].New != "db" {
				t.Errorf("database %v", e)
			}
		})
	}
}

func TestAnswerDropsWhatClientsMustNotSee(t *testing.T) {
	asked := tds.Login7{Version: tds.V74, Features: []tds.Feature{
		{ID: tds.FeatureUTF8Support, Data: []byte{1}}, {ID: tds.FeatureSessionRecovery, Data: []byte{0}},
	}}
	mirror := tds.EnvChange{Type: tds.EnvMirrorPartner, New: "elsewhere"}.Append(nil)
	user := tds.EnvChange{Type: tds.EnvUserInstance, New: "pipe"}.Append(nil)
	acks := tds.FeatureExtAck{Features: []tds.Feature{
		{ID: tds.FeatureUTF8Support, Data: []byte{1}},
		{ID: tds.FeatureSessionRecovery, Data: []byte{0}},
		{ID: tds.FeatureDataClassification, Data: []byte{2, 1}},
	}}.Append(nil)
	route := tds.EnvChange{Type: tds.EnvRouting, Routing: tds.Routing{Server: "other", Port: 1444}}.Append(nil)
	a, err := parseAnswer(serverAnswer(asked, mirror, user, acks, route), tds.V74, 4096)
	if err != nil {
		t.Fatal(err)
	}
	if a.Routing == nil || a.Routing.Server != "other" || a.Routing.Port != 1444 {
		t.Errorf("routing %+v", a.Routing)
	}
	r := parsed(t, a.Append(nil, &asked), tds.V74)
	for _, typ := range []tds.EnvType{tds.EnvMirrorPartner, tds.EnvRouting} {
		if len(r.EnvChanges(typ)) > 0 {
			t.Errorf("ENVCHANGE %d was passed on", typ)
		}
	}
	if len(r.EnvChanges(tds.EnvUserInstance)) != 1 {
		t.Error("an ENVCHANGE of another kind was lost")
	}
	var got []tds.FeatureID
	for _, tok := range r.Tokens {
		if tok.Kind == tds.TokenFeatureExtAck {
			ack, err := tds.DecodeFeatureExtAck(tok.Body)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range ack.Features {
				got = append(got, f.ID)
			}
		}
	}
	if !slices.Equal(got, []tds.FeatureID{tds.FeatureUTF8Support}) {
		t.Errorf("features acknowledged: %v", got)
	}
	// A client that asked for nothing gets no FEATUREEXTACK at all.
	for _, tok := range parsed(t, a.Append(nil, &tds.Login7{Version: tds.V74}), tds.V74).Tokens {
		if tok.Kind == tds.TokenFeatureExtAck {
			t.Error("an acknowledgement that nobody asked for")
		}
	}
}

// The same answer for the same login, byte for byte: drivers cache parts of it.
func TestAnswerIsStable(t *testing.T) {
	l := tds.Login7{Version: tds.V74, Database: "db"}
	a, err := parseAnswer(serverAnswer(l), tds.V74, 4096)
	if err != nil {
		t.Fatal(err)
	}
	if one, two := a.Append(nil, &l), a.Append(nil, &l); !bytes.Equal(one, two) {
		t.Error("two answers differ")
	}
}

func TestParseAnswerRefusals(t *testing.T) {
	e := (&tds.ServerError{Number: 18456, Class: 14, State: 1, Text: "Login failed"}).Append(nil, tds.V74)
	e2 := (&tds.ServerError{Number: 4060, Class: 11, State: 1, Text: "Cannot open database"}).Append(nil, tds.V74)
	info := (&tds.ServerError{Number: 5701, Text: "Changed"}).Append(nil, tds.V74)
	failed := tds.Done{Status: tds.DoneError}.Append(nil, tds.V74)
	ok := serverAnswer(tds.Login7{Version: tds.V74})
	badSize := tds.EnvChange{Type: tds.EnvPacketSize, New: "70000", Old: "4096"}.Append(nil)
	for _, tc := range []struct {
		name    string
		payload []byte
		numbers []int32 // of a *LoginError
		is      error
	}{
		{"refused", slices.Concat(e, failed), []int32{18456}, nil},
		{"two errors and an info", slices.Concat(info, e2, e, failed), []int32{4060, 18456}, nil},
		{"no answer at all", failed, nil, ErrNoLoginAck},
		{"empty", nil, nil, ErrNoLoginAck},
		{"truncated", ok[:len(ok)-20], nil, tds.ErrShort},
		{"unknown token", []byte{0x02, 1, 2}, nil, tds.ErrUnknownToken},
		{"packet size out of range", slices.Concat(badSize, ok), nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, err := parseAnswer(tc.payload, tds.V74, 4096)
			if err == nil {
				t.Fatalf("accepted as %+v", a)
			}
			var refused *LoginError
			if errors.As(err, &refused) != (tc.numbers != nil) {
				t.Fatalf("got %v", err)
			}
			if refused != nil {
				var got []int32
				for _, e := range parsed(t, tds.Done{Status: tds.DoneError}.Append(refused.Tokens(nil, tds.V74), tds.V74), tds.V74).Errors() {
					got = append(got, e.Number)
				}
				if !slices.Equal(got, tc.numbers) {
					t.Errorf("passes %v on, want %v", got, tc.numbers)
				}
			}
			if tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("got %v, want %v", err, tc.is)
			}
		})
	}
}
