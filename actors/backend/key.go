// Package backend opens, cleans and closes connections to SQL Server. It
// decides nothing: a bucket's governor says when, on goroutines of its own.
package backend

import (
	"slices"
	"strings"

	"sluice/tds"
)

// Key is all that two logins must agree in to be served by the same backend
// connection one after the other: what the server fixes at login and no reset
// changes. Credentials are not part of it; they are checked apart.
type Key struct {
	User, Database, Language string
	Version                  tds.Version // of the backend, V74 for clients of TDS 8.0
	Flags2, TypeFlags        byte
	Flags3                   byte
	PacketSize               int
	Features                 string // ids and data, sorted
	AppName, HostName        string // empty if the pool does not tell them apart
	// Shared connections change hands between requests. They are kept apart from
	// those that one client has until it leaves: what is left behind in them is
	// known, but need not be what a login leaves.
	Shared bool
}

// Match says which names that a server shows, but does not act on, clients
// must have in common to share backend connections.
type Match struct {
	AppName, HostName bool
	NodeName          string // HostName of backends that hosts share
	MaxPacket         int    // largest packet size asked for, in bytes; 0 is 8000
}

const (
	smallPacket = tds.DefaultPacketSize
	largePacket = 8000
)

// PacketSize is the size asked of a server for a client that asked for n
// bytes. Drivers ask for 4096 or 8000 unless told otherwise; other wishes are
// rounded down to one of the two so that clients can share, and never more is
// granted than was asked for.
func PacketSize(n, limit int) int {
	if limit <= 0 {
		limit = largePacket
	}
	if n == 0 {
		n = smallPacket
	}
	n = min(n, limit)
	switch {
	case n > largePacket:
		return n &^ 3
	case n == largePacket:
		return largePacket
	case n >= smallPacket:
		return smallPacket
	case n < tds.MinPacketSize:
		return tds.MinPacketSize
	}
	return n &^ 3 // servers round down to a multiple of four
}

// relayedFeatures are the feature extensions that are passed to the server;
// their data is part of the key because some change the bytes of results.
// Session recovery is left out: a recovery login could not be served. So is
// enhanced routing: redirects are followed here, not by clients.
var relayedFeatures = []tds.FeatureID{
	tds.FeatureColumnEncryption, tds.FeatureGlobalTransactions, tds.FeatureAzureSQLSupport, tds.FeatureDataClassification,
	tds.FeatureUTF8Support, tds.FeatureJSONSupport, tds.FeatureVectorSupport,
}

// Pooled tells whether backends opened for login l may be reused. If not,
// reason says why and the client gets a connection of its own, closed with the
// session.
func Pooled(l *tds.Login7) (ok bool, reason string) {
	_, fedAuth := l.Feature(tds.FeatureFedAuth)
	enclave, ce := l.Feature(tds.FeatureColumnEncryption)
	switch {
	case l.Integrated():
		return false, "integrated security"
	case fedAuth:
		return false, "federated authentication"
	case l.OptionFlags3&tds.LoginChangePassword != 0 || l.NewPassword != "":
		return false, "password change"
	case l.OptionFlags3&tds.LoginUserInstance != 0:
		return false, "user instance"
	case l.AtchDBFile != "":
		return false, "attached database file"
	case l.OptionFlags2&tds.LoginUserTypeMask != 0:
		return false, "replication login"
	case ce && len(enclave) > 0 && enclave[0] > 1:
		return false, "column encryption with enclaves"
	}
	return true, ""
}

// Request returns the login to send to a server for a client's login l, and
// the key of the backend connection that it opens. What identifies one client
// process and no server acts on is left out or made uniform.
func Request(l *tds.Login7, m Match) (tds.Login7, Key) {
	version, err := l.Version.Normalize()
	if err != nil {
		version = tds.V71
	}
	r := tds.Login7{
		Version:        version.Tokens(),
		PacketSize:     PacketSize(l.PacketSize, m.MaxPacket),
		ClientProgVer:  l.ClientProgVer,
		OptionFlags1:   tds.LoginUseDB | tds.LoginSetLang | tds.LoginInitDBFatal | tds.LoginDumpLoadOff,
		OptionFlags2:   l.OptionFlags2&^tds.LoginIntegratedSecurity | tds.LoginLanguageFatal,
		TypeFlags:      l.TypeFlags,
		OptionFlags3:   l.OptionFlags3 & (tds.LoginYukonXML | tds.LoginUnknownCollation),
		ClientTimeZone: l.ClientTimeZone,
		ClientLCID:     l.ClientLCID,
		UserName:       l.UserName,
		Password:       l.Password,
		ServerName:     l.ServerName,
		CltIntName:     l.CltIntName,
		Language:       l.Language,
		Database:       l.Database,
		AppName:        "Sluice",
		HostName:       m.NodeName,
	}
	for _, id := range relayedFeatures {
		if data, ok := l.Feature(id); ok && version.AtLeast(tds.V74) {
			r.Features = append(r.Features, tds.Feature{ID: id, Data: data})
		}
	}
	k := Key{
		User: l.UserName, Database: l.Database, Language: l.Language, Version: r.Version,
		Flags2: r.OptionFlags2, TypeFlags: r.TypeFlags, Flags3: r.OptionFlags3,
		PacketSize: r.PacketSize, Features: featureKey(r.Features),
	}
	if m.AppName {
		r.AppName, k.AppName = l.AppName, l.AppName
	}
	if m.HostName {
		r.HostName, k.HostName = l.HostName, l.HostName
	}
	return r, k
}

// Share makes r and k, made by Request, those of a connection that changes hands
// between requests. Its server is asked for session recovery (MS-TDS 2.2.6.4),
// by which it tells of state that a request has left behind. No client learns of
// that: who asks for it gets no acknowledgement, as from a server without it.
func Share(r *tds.Login7, k *Key) {
	k.Shared = true
	if _, there := r.Feature(tds.FeatureSessionRecovery); !there && r.Version.AtLeast(tds.V74) {
		r.Features = append(slices.Clone(r.Features), tds.Feature{ID: tds.FeatureSessionRecovery})
	}
}

func featureKey(fs []tds.Feature) string {
	fs = slices.Clone(fs)
	slices.SortFunc(fs, func(a, b tds.Feature) int { return int(a.ID) - int(b.ID) })
	var b strings.Builder
	for _, f := range fs {
		b.WriteByte(byte(f.ID))
		b.WriteByte(byte(len(f.Data) >> 8))
		b.WriteByte(byte(len(f.Data)))
		b.Write(f.Data)
	}
	return b.String()
}
