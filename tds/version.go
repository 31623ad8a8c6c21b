package tds

import "fmt"

// Version is a TDS version as LOGIN7 carries it (MS-TDS 2.2.6.4). On the wire
// LOGIN7 has it little-endian, LOGINACK big-endian.
type Version uint32

// Versions that LOGIN7 may ask for.
const (
	V70  Version = 0x70000000
	V71  Version = 0x71000001
	V72  Version = 0x72090002
	V73A Version = 0x730A0003 // no NBCROW
	V73B Version = 0x730B0003
	V74  Version = 0x74000004
	V80  Version = 0x08000000 // TLS first; tokens as in V74
)

// rank orders versions; V80 is numerically the smallest of them.
func (v Version) rank() uint32 {
	if v == V80 {
		return 0x80000000
	}
	return uint32(v)
}

// AtLeast tells whether v is o or newer.
func (v Version) AtLeast(o Version) bool { return v.rank() >= o.rank() }

// Normalize returns the known version whose layouts v's messages have: the
// newest one that is not newer than v. It fails below 7.1, whose messages
// differ in ways no supported server speaks.
func (v Version) Normalize() (Version, error) {
	for _, k := range [...]Version{V80, V74, V73B, V73A, V72, V71} {
		if k == V80 && v != V80 {
			continue
		}
		if v.AtLeast(k) {
			return k, nil
		}
	}
	// 7.1 drivers also send 0x07010000 and 0x71000000.
	if v>>24 == 0x71 || v == 0x07010000 {
		return V71, nil
	}
	return 0, fmt.Errorf("tds: version %v is not supported", v)
}

// Tokens returns the version that governs token layouts: V80 has those of V74.
func (v Version) Tokens() Version {
	if v == V80 {
		return V74
	}
	return v
}

func (v Version) String() string {
	switch v {
	case V70:
		return "7.0"
	case V71:
		return "7.1"
	case V72:
		return "7.2"
	case V73A:
		return "7.3A"
	case V73B:
		return "7.3B"
	case V74:
		return "7.4"
	case V80:
		return "8.0"
	}
	return fmt.Sprintf("0x%08x", uint32(v))
}
