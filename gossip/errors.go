package gossip

import "errors"

var (
	// ErrConfig is a Config or LinkConfig that cannot work.
	ErrConfig = errors.New("bad gossip configuration")
	// ErrTooLarge is a value that does not fit into a packet, or a message
	// above MaxMessage.
	ErrTooLarge = errors.New("too large")
	// ErrTooMany says that MaxKeys keys are published already.
	ErrTooMany = errors.New("too many keys")
	// ErrClosed says that Close or Leave was called.
	ErrClosed = errors.New("closed")

	// ErrUnknownPeer says that Resolve does not know the peer.
	ErrUnknownPeer = errors.New("unknown peer")
	// ErrFull says that the queue to the peer is full.
	ErrFull = errors.New("queue to peer is full")

	// ErrNotPeer is an answer or a greeting that is not of this protocol.
	ErrNotPeer = errors.New("other side is no peer")
	// ErrOtherCluster is a peer with another cluster name.
	ErrOtherCluster = errors.New("peer belongs to another cluster")
	// ErrOtherProtocol is a peer that speaks another version.
	ErrOtherProtocol = errors.New("peer speaks another protocol version")
	// ErrOtherKey is a peer with another secret key, or with none where we
	// have one.
	ErrOtherKey = errors.New("peer has another secret key")
	// ErrOtherPeer says that another process answers at the peer's address.
	ErrOtherPeer = errors.New("another peer answers at this address")

	errMalformed = errors.New("malformed")
)
