package gossip

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"time"
)

// Bytes of ours begin with a format, so that a later one can be told apart.
const (
	metaFormat    = 1
	entriesFormat = 1
)

// ageUnit is the step in which ages travel; maxAge is the highest told.
const (
	ageUnit = 100 * time.Millisecond
	maxAge  = 24 * time.Hour
)

// reader takes fields from bytes of a network. After the first that does not
// fit all are empty and bad stays set.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// field returns a piece of the input, not a copy.
func (r *reader) field(most int) []byte {
	n := r.uvarint()
	if n > uint64(most) || n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	f := r.b[:n:n]
	r.b = r.b[n:]
	return f
}

func appendField[T string | []byte](b []byte, f T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(f))), f...)
}

func uvarintLen(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// fieldLen is what appendField adds.
func fieldLen(n int) int { return n + uvarintLen(uint64(n)) }

// meta is what memberlist carries for each member.
type meta struct {
	protocol int
	name     string
	info     Info
}

func (m meta) encode() ([]byte, error) {
	b := binary.AppendUvarint([]byte{metaFormat}, uint64(m.protocol))
	for _, s := range []string{m.name, m.info.PeerAddr, m.info.Version, m.info.Witnesses, m.info.Config} {
		b = appendField(b, s)
	}
	if len(b) > MaxMeta {
		return nil, fmt.Errorf("%w: name and info have %d bytes, %d too many: %w", ErrConfig, len(b), len(b)-MaxMeta, ErrTooLarge)
	}
	return b, nil
}

// decodeMeta ignores what follows the fields it knows. Of a member with
// another protocol only protocol and name are filled in.
func decodeMeta(b []byte, protocol int) (meta, error) {
	r := reader{b: b}
	var m meta
	if f := r.byte(); r.bad || f != metaFormat {
		return m, fmt.Errorf("%w description of a member", errMalformed)
	}
	p := r.uvarint()
	m.name = string(r.field(MaxMeta))
	if r.bad || p > 1<<30 || !printable(m.name, MaxID) {
		return meta{}, fmt.Errorf("%w description of a member", errMalformed)
	}
	if m.protocol = int(p); m.protocol != protocol {
		return m, nil
	}
	for _, s := range []*string{&m.info.PeerAddr, &m.info.Version, &m.info.Witnesses, &m.info.Config} {
		*s = string(r.field(MaxMeta))
	}
	if r.bad {
		return meta{}, fmt.Errorf("%w description of a member", errMalformed)
	}
	return m, nil
}

// Values travel as one header and then groups, one for each writer:
//
//	format, protocol
//	ID, number of entries, then for each: key, version, age, value
//
// in gossip (one packet) as in the exchange of full state.

func appendHeader(b []byte, protocol int) []byte {
	return binary.AppendUvarint(append(b, entriesFormat), uint64(protocol))
}

// maxHeader, groupLen and entryLen are what a header, the beginning of a group
// and an entry take at most.
const maxHeader = 1 + 5

func groupLen(id string) int { return fieldLen(len(id)) + 2 }

func entryLen(key string, e entry) int {
	return fieldLen(len(key)) + uvarintLen(e.version) + 3 + fieldLen(len(e.value))
}

func appendGroup(b []byte, id string, entries int) []byte {
	return binary.AppendUvarint(appendField(b, id), uint64(entries))
}

func appendEntry(b []byte, key string, e entry, now time.Time) []byte {
	b = binary.AppendUvarint(appendField(b, key), e.version)
	age := min(max(now.Sub(e.at), 0), maxAge)
	b = binary.AppendUvarint(b, uint64(age/ageUnit))
	return appendField(b, e.value)
}

// decodeEntries calls visit for each entry until one is malformed. The slices
// are pieces of b.
func decodeEntries(b []byte, protocol int, visit func(id, key []byte, version uint64, age time.Duration, value []byte)) error {
	r := reader{b: b}
	if f := r.byte(); r.bad || f != entriesFormat {
		return fmt.Errorf("%w values", errMalformed)
	}
	if p := r.uvarint(); r.bad || p != uint64(protocol) {
		return fmt.Errorf("values: %w", ErrOtherProtocol)
	}
	for len(r.b) > 0 {
		id := r.field(MaxID)
		for n := r.uvarint(); n > 0 && !r.bad; n-- {
			key := r.field(MaxKey)
			version := r.uvarint()
			age := time.Duration(min(r.uvarint(), uint64(maxAge/ageUnit))) * ageUnit
			value := r.field(MaxEntry)
			if !r.bad {
				visit(id, key, version, age, value)
			}
		}
		if r.bad || len(id) == 0 {
			return fmt.Errorf("%w values", errMalformed)
		}
	}
	return nil
}
