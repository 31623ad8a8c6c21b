package main

import (
	"encoding/binary"
	"fmt"
)

// headerSize is the length in bytes of a packet header (MS-TDS 2.2.3.1).
const headerSize = 8

// message is one TDS message as it was on the wire, packet headers included.
type message struct {
	side string // "client" or "server"
	raw  []byte // at most the packets that the limit allows, so it may lack its end
}

// typeName names the packet type (MS-TDS 2.2.3.1.1).
func (m message) typeName() string {
	switch t := m.raw[0]; t {
	case 0x01:
		return "sqlbatch"
	case 0x03:
		return "rpc"
	case 0x04:
		return "reply"
	case 0x06:
		return "attention"
	case 0x07:
		return "bulk"
	case 0x08:
		return "fedauth"
	case 0x0e:
		return "tm"
	case 0x10:
		return "login7"
	case 0x11:
		return "sspi"
	case 0x12:
		return "prelogin"
	default:
		return fmt.Sprintf("type%02x", t)
	}
}

// splitter cuts one direction of a connection into messages. It implements
// io.Writer and never fails for what it is given: bytes that are no TDS packets
// end the recording.
type splitter struct {
	side       string
	maxPackets int
	save       func(message) error

	header  []byte // of the packet that is being read
	left    int    // bytes of its payload still to come
	current []byte // the message so far
	packets int    // of the message so far
	off     bool   // no longer TDS
}

func newSplitter(side string, maxPackets int, save func(message) error) *splitter {
	return &splitter{side: side, maxPackets: maxPackets, save: save}
}

// Write takes the next bytes of the direction. It keeps none of p.
func (s *splitter) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 && !s.off {
		if s.left == 0 {
			n := min(headerSize-len(s.header), len(p))
			s.header = append(s.header, p[:n]...)
			p = p[n:]
			if len(s.header) == headerSize {
				if err := s.begin(); err != nil {
					return 0, err
				}
			}
			continue
		}
		n := min(s.left, len(p))
		s.keep(p[:n])
		p = p[n:]
		s.left -= n
		if s.left == 0 {
			if err := s.end(); err != nil {
				return 0, err
			}
		}
	}
	return total, nil
}

// begin looks at a complete header.
func (s *splitter) begin() error {
	length := int(binary.BigEndian.Uint16(s.header[2:]))
	if length < headerSize || !knownType(s.header[0]) {
		s.off = true
		return nil
	}
	s.packets++
	s.keep(s.header)
	s.left = length - headerSize
	if s.left == 0 {
		return s.end()
	}
	return nil
}

// end finishes a packet and, if its status says so, the message.
func (s *splitter) end() error {
	last := s.header[1]&0x01 != 0
	s.header = s.header[:0]
	if !last {
		return nil
	}
	m := message{side: s.side, raw: s.current}
	s.current, s.packets = nil, 0
	return s.save(m)
}

func (s *splitter) keep(p []byte) {
	if s.packets <= s.maxPackets {
		s.current = append(s.current, p...)
	}
}

// knownType tells a TDS packet from a TLS record, whose types are 0x14..0x17.
func knownType(t byte) bool {
	return t >= 0x01 && t <= 0x12
}
