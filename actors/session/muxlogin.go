package session

import (
	"slices"
	"time"

	"sluice/actors/backend"
	"sluice/actors/bucket"
	"sluice/actors/statement"
	"sluice/tds"
)

// share makes the port one in transaction pooling. It is called before the
// login is answered.
func (p *port) share(s *Sharing, key backend.Key, d bucket.Digest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	self := p.actor
	died := func(l *bucket.Lease) { _ = self.Tell(backendDied{l}) }
	p.mx = &muxed{share: s, died: died, login: &sharedLogin{key: key, digest: d}, handles: s.Statements.NewHandles()}
}

// serveShared answers the login; requests get backends as they come.
func (p *port) serveShared(a *backend.Answer) {
	p.mu.Lock()
	hello := p.hello
	if p.ended || hello == nil {
		p.mu.Unlock()
		return
	}
	p.hello = nil
	p.mx.login.learn(a, hello)
	if len(a.Infos) > 0 {
		p.mx.handles.Server = a.Infos[0].Server
	}
	// Before the answer is on its way: the client may send as soon as it has it.
	p.setPhase(phaseIdle)
	p.mu.Unlock()
	msg := tds.AppendMessage(nil, tds.PacketReply, 0, 0, tds.DefaultPacketSize, a.Append(nil, hello))
	if err := writePackets(p.client.conn, msg); err != nil {
		p.end(bucket.Unused, &lost{"client", err})
		return
	}
	p.env.Metrics.LoginSeconds.Update(time.Since(p.born).Seconds())
	p.catchUp()
}

// learn takes over what a login's answer says of the sessions it opens.
func (l *sharedLogin) learn(a *backend.Answer, hello *tds.Login7) {
	l.packetSize = a.PacketSize
	l.suspect = !announces(a)
	feature := func(id tds.FeatureID) []byte {
		if _, asked := hello.Feature(id); !asked {
			return nil
		}
		i := slices.IndexFunc(a.Features, func(f tds.Feature) bool { return f.ID == id })
		if i < 0 {
			return nil
		}
		return a.Features[i].Data
	}
	if d := feature(tds.FeatureColumnEncryption); len(d) > 0 {
		l.encryption = d[0] > 0
	}
	if d := feature(tds.FeatureDataClassification); len(d) > 0 {
		l.rank = d[0] >= 2
	}
	odbc := hello.OptionFlags2&tds.LoginODBC != 0 || hello.TypeFlags&tds.LoginOLEDB != 0
	l.base = statement.LoginDefaults(odbc).WithDatabase(a.Database).WithLanguage(a.Language)
}
