package prepared

// Pin is why a session must keep its connection from a request on. Where the
// client may learn handles of the connection's own, that is until the
// connection is reset or closed.
type Pin string

// Reasons to pin; the empty Pin is none.
const (
	PinNotUnderstood Pin = "prepare_not_understood" // parameters of other kinds or names than drivers send
	PinTooLong       Pin = "prepare_too_long"       // the statement's text is not whole in memory
	PinTooMany       Pin = "prepared_limit"         // the session has as many handles as it may have
	PinStoreFull     Pin = "prepared_store_full"    // no room for the text of another statement
	PinPrepExecRPC   Pin = "prepexecrpc"            // sp_prepexecrpc
	PinCursor        Pin = "cursor"                 // sp_cursor and its like: their handles are the connection's
	PinText          Pin = "prepare_in_text"        // handles used in the text of a batch
)
