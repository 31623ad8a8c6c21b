package gossip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// MaxMessage is the largest message of a link, in bytes.
const MaxMessage = 1 << 20

// A frame is a byte for its kind, three for its length, and its bytes.
const (
	frameHeader = 4

	frameMessage byte = 0
	framePing    byte = 1
	framePong    byte = 2
	frameHello   byte = 3
)

func appendFrameHeader(b []byte, kind byte, length int) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(kind)<<24|uint32(length))
}

// badFrame is a header that is none of ours.
type badFrame [frameHeader]byte

func (h badFrame) Error() string { return fmt.Sprintf("bytes %x are no frame", h[:]) }
func (h badFrame) Unwrap() error { return ErrNotPeer }

// isTLS says that it is the beginning of a handshake or an alert of TLS.
func (h badFrame) isTLS() bool { return (h[0] == 0x16 || h[0] == 0x15) && h[1] == 3 }

// readFrame reads one frame with at most limit bytes. Memory grows with what
// has come, not with what a header promises.
func readFrame(r io.Reader, limit int) (kind byte, data []byte, err error) {
	var h [frameHeader]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, nil, err
	}
	v := binary.BigEndian.Uint32(h[:])
	kind, length := byte(v>>24), int(v&0xffffff)
	switch {
	case kind > frameHello, kind != frameMessage && kind != frameHello && length > 0:
		return 0, nil, badFrame(h)
	case length > limit:
		return 0, nil, fmt.Errorf("frame of %d bytes, limit %d: %w", length, limit, ErrTooLarge)
	case length == 0:
		return kind, nil, nil
	}
	const atOnce = 64 << 10
	if length <= atOnce {
		data = make([]byte, length)
		_, err = io.ReadFull(r, data)
	} else {
		var b bytes.Buffer
		_, err = io.CopyN(&b, r, int64(length))
		data = b.Bytes()
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return kind, data, err
}

// helloMagic begins a hello; its last byte is the version of its form.
const helloMagic = "sluice\x01"

// maxHello is more than the longest hello has.
const maxHello = 512

// hello is what both sides say first.
type hello struct {
	protocol    int
	cluster, id string
}

func (h hello) frame() []byte {
	b := append(make([]byte, frameHeader, maxHello), helloMagic...)
	b = binary.AppendUvarint(b, uint64(h.protocol))
	b = appendField(appendField(b, h.cluster), h.id)
	appendFrameHeader(b[:0], frameHello, len(b)-frameHeader)
	return b
}

func decodeHello(b []byte) (hello, error) {
	rest, ok := bytes.CutPrefix(b, []byte(helloMagic))
	if !ok {
		return hello{}, fmt.Errorf("greeting %.16q: %w", b, ErrNotPeer)
	}
	r := reader{b: rest}
	p := r.uvarint()
	h := hello{cluster: string(r.field(MaxCluster)), id: string(r.field(MaxID))}
	if r.bad || p > 1<<30 || !printable(h.cluster, MaxCluster) || !printable(h.id, MaxID) {
		return hello{}, fmt.Errorf("greeting: %w", ErrNotPeer)
	}
	h.protocol = int(p)
	return h, nil
}

// readHello reads the other side's hello. What else comes is told apart as far
// as its first bytes go: most of it is a peer with TLS, or a stranger.
func readHello(r io.Reader) (hello, error) {
	kind, data, err := readFrame(r, maxHello)
	var bad badFrame
	switch {
	case errors.As(err, &bad) && bad.isTLS():
		return hello{}, fmt.Errorf("it speaks TLS and this node has no secret key: %w", ErrOtherKey)
	case errors.Is(err, ErrTooLarge):
		return hello{}, fmt.Errorf("greeting: %w: %w", err, ErrNotPeer)
	case err != nil:
		return hello{}, err
	case kind != frameHello:
		return hello{}, fmt.Errorf("no greeting: %w", ErrNotPeer)
	}
	return decodeHello(data)
}

// check compares the other side's hello with ours.
func (h hello) check(other hello) error {
	switch {
	case other.cluster != h.cluster:
		return fmt.Errorf("it is %s of cluster %s, this node belongs to %s: %w", shown(other.id), shown(other.cluster), h.cluster, ErrOtherCluster)
	case other.protocol != h.protocol:
		return fmt.Errorf("%s speaks version %d, this node %d: %w", shown(other.id), other.protocol, h.protocol, ErrOtherProtocol)
	}
	return nil
}
