package gossip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	defaultPort  = 7946
	joinAtOnce   = 4 // addresses tried at a time
	joinPerRound = 8 // and in one round
	firstRetry   = 500 * time.Millisecond
	// aloneRetry is the longest pause of a member that has nobody.
	aloneRetry = 10 * time.Second
	lookupTime = 5 * time.Second
)

// keepJoined looks for members that are configured and missing, and for those
// that failed: after a partition the library has forgotten the other side and
// does not look for it.
func (g *Gossip) keepJoined() {
	pause := firstRetry
	failing := map[string]bool{}
	for {
		g.joinMissing(failing)
		wait := g.pace.join[0] + rand.N(g.pace.join[1]-g.pace.join[0])
		limit := wait
		if g.members.live.Load() == 1 && len(g.cfg.Join) > 0 {
			limit = aloneRetry
		}
		wait = min(wait, pause, limit)
		pause = min(2*pause, g.pace.join[1])
		t := time.NewTimer(wait)
		select {
		case <-g.ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
	}
}

// joinMissing is one round. failing has the subjects of JoinFailed that were
// noted, so that they are cleared when they no longer hold.
func (g *Gossip) joinMissing(failing map[string]bool) {
	wanted, failed := g.resolve()
	live := g.members.liveAddrs()
	missing := slices.DeleteFunc(slices.Clone(wanted), func(a string) bool { return live[a] })
	rand.Shuffle(len(missing), func(i, j int) { missing[i], missing[j] = missing[j], missing[i] })
	missing = missing[:min(len(missing), joinPerRound)]
	if lost := g.members.lostAddrs(); len(lost) > 0 {
		if a := lost[rand.N(len(lost))]; !live[a] && !slices.Contains(missing, a) {
			// That it is not there is what it was called failed for, so no
			// problem comes of it.
			g.wg.Go(func() { _, _ = g.list.Join([]string{a}) })
		}
	}
	var (
		mu   sync.Mutex
		wg   sync.WaitGroup
		room = make(chan struct{}, joinAtOnce)
	)
	for _, a := range missing {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			if g.ctx.Err() != nil {
				return
			}
			if _, err := g.list.Join([]string{a}); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed[a] = err
			}
		})
	}
	wg.Wait()
	if g.ctx.Err() != nil {
		return
	}
	live = g.members.liveAddrs()
	for a := range failing {
		if failed[a] == nil && (live[a] || slices.Contains(missing, a) || !slices.Contains(wanted, a)) {
			g.book.clear(JoinFailed, a)
			delete(failing, a)
		}
	}
	for a, err := range failed {
		failing[a] = true
		kind, text := joinProblem(a, err)
		g.note(kind, a, text)
		if kind != JoinFailed {
			g.book.clear(JoinFailed, a)
		}
	}
}

// joinProblem finds the cause in the library's text, which is all there is.
func joinProblem(addr string, err error) (Kind, string) {
	if kind, text, ok := signOf(err.Error()); ok {
		return kind, addr + " " + text
	}
	text := shown(lastCause(err))
	if errors.Is(err, io.EOF) || strings.Contains(text, "EOF") {
		text = "the connection was closed without an answer; the other side may have another cluster name or secret key"
	}
	return JoinFailed, fmt.Sprintf("cannot join %s: %s", addr, text)
}

// lastCause takes the library's list form off an error.
func lastCause(err error) string {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	return strings.TrimSpace(strings.TrimLeft(lines[len(lines)-1], "\t* "))
}

// resolve returns the addresses that Join stands for, without our own.
func (g *Gossip) resolve() (addrs []string, failed map[string]error) {
	failed = map[string]error{}
	for _, entry := range g.cfg.Join {
		host, port, err := g.splitJoin(entry)
		if err != nil {
			failed[shown(entry)] = err
			continue
		}
		if ip, err := netip.ParseAddr(host); err == nil {
			addrs = append(addrs, net.JoinHostPort(ip.Unmap().String(), port))
			continue
		}
		ctx, cancel := context.WithTimeout(g.ctx, lookupTime)
		ips, err := g.cfg.Lookup(ctx, host)
		cancel()
		if err != nil {
			failed[shown(entry)] = err
			continue
		}
		for _, ip := range ips {
			addrs = append(addrs, net.JoinHostPort(ip.Unmap().String(), port))
		}
	}
	slices.Sort(addrs)
	return slices.Compact(addrs), failed
}

func (g *Gossip) splitJoin(entry string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(entry)
	if err != nil {
		host = strings.Trim(entry, "[]")
		port = strconv.Itoa(defaultPort)
		if g.cfg.BindPort != 0 {
			port = strconv.Itoa(g.cfg.BindPort)
		}
		err = nil
	}
	if n, e := strconv.Atoi(port); e != nil || n < 1 || n > 65535 || host == "" {
		err = fmt.Errorf("%w: %.60q is not host or host:port", ErrConfig, entry)
	}
	return host, port, err
}
