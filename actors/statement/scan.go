package statement

// Kind is what a Scan reads.
type Kind uint8

// Kinds: all of them without ALL_HEADERS.
const (
	BatchText  Kind = iota // the text of a SQL batch
	ScopedText             // a text that runs in a scope of its own, see Judge.Text
	RPCBody                // RPC requests
)

// headSize is how much of a long text is kept for its digest, in bytes.
const headSize = 1 << 10

// Scan judges a request while it passes, however long it is. It holds about
// 10 KB, and up to twice maxKept more where tokens are cut; keep it no longer than
// the request. It is not safe for concurrent use.
type Scan struct {
	j    Judge
	kind Kind
	r    reader
	f    feeder
	rpc  rpc
	head []byte
	done bool
	v    Verdict
}

// NewScan returns a Scan for a client with settings s.
func (j Judge) NewScan(k Kind, s Settings) *Scan {
	c := &Scan{j: j}
	c.Restart(k, s)
	return c
}

// Restart makes the Scan ready for another request.
func (c *Scan) Restart(k Kind, s Settings) {
	c.kind, c.done = k, false
	c.head, c.f.carry = c.head[:0], c.f.carry[:0]
	if k == RPCBody {
		c.rpc.begin(c.j, s)
		return
	}
	c.r = reader{}
	c.r.begin(c.j, s, k == ScopedText, 0)
}

// Feed takes the next part of the request, split anywhere; it is not kept.
func (c *Scan) Feed(part []byte) {
	if c.done {
		return
	}
	if c.kind == RPCBody {
		c.rpc.feed(part)
		return
	}
	if room := headSize - len(c.head); room > 0 {
		c.head = append(c.head, part[:min(room, len(part))]...)
	}
	c.f.feed(&c.r, part)
}

// End returns the verdict on a request that was fed whole.
func (c *Scan) End() Verdict { return c.end(true) }

// Abandon returns the verdict on a request of which the rest will not be seen.
func (c *Scan) Abandon() Verdict { return c.end(false) }

func (c *Scan) end(complete bool) Verdict {
	if c.done {
		return c.v
	}
	c.done = true
	if c.kind == RPCBody {
		c.v = c.rpc.end(complete)
		return c.v
	}
	c.f.finish(&c.r, complete)
	c.r.leave()
	c.v = c.r.v
	c.v.digest(c.head)
	return c.v
}
