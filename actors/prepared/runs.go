package prepared

// Runs returns the text in UTF-16LE of the statement that a call of sp_execute
// runs, once Decide has found it; nil for other calls and unknown handles. It
// must not be changed.
func (c *Call) Runs() []byte {
	if c.act != actRun || c.stmt == nil {
		return nil
	}
	return c.stmt.stmt
}
