package configs

import (
	"fmt"
	"io"
	"log/slog"
)

// mask stands for a secret wherever one would be printed.
const mask = "********"

// Secret is text that must not be printed. Every way of formatting it yields a
// mask (an empty secret yields an empty text, so that "not set" stays visible).
// Call Reveal for the text itself.
type Secret string

// Reveal returns the secret in clear. The caller must not log or store it.
func (s Secret) Reveal() string { return string(s) }

// String returns a mask.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// Format writes a mask for every verb, %x and %#v included.
func (s Secret) Format(f fmt.State, verb rune) {
	text := s.String()
	if verb == 'q' || (verb == 'v' && f.Flag('#')) {
		text = `"` + text + `"`
	}
	// A fmt.State reports no useful error: fmt drops it.
	_, _ = io.WriteString(f, text)
}

// MarshalText returns a mask; encoding/json and YAML encoders use it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue returns a mask to log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
