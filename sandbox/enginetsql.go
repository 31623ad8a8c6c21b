package sandbox

import (
	"errors"

	"sluice/sandbox/tsql"
)

// tsqlEngine is the engine of package tsql as an Engine.
type tsqlEngine struct{ *tsql.Engine }

func newEngine(o Options) (Engine, error) {
	e, err := tsql.New(tsql.Options{Databases: o.Databases, ServerName: o.ServerName})
	if err != nil {
		return nil, err
	}
	return tsqlEngine{e}, nil
}

// NewSession begins a session in its initial database.
func (e tsqlEngine) NewSession(spid int, o tsql.LoginOptions) (EngineSession, error) {
	s, err := e.Engine.NewSession(spid, o)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// messageOf is how the client learns of an error that an engine returned.
func messageOf(err error) tsql.Message {
	var e *tsql.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return internalError(err)
}
