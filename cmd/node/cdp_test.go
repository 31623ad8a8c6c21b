package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// chromium is a headless browser with one page, driven by the DevTools
// protocol over a pair of pipes.
type chromium struct {
	t       *testing.T
	in      io.Writer
	session string

	mu      sync.Mutex
	next    int
	answers map[int]chan json.RawMessage
	says    []string // complaints of the page
}

// startChromium starts a browser that ends with the test.
func startChromium(t *testing.T) *chromium {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			program = p
			break
		}
	}
	if program == "" {
		t.Skip("chromium is not installed (.ci/run installs it)")
	}
	if testing.Short() {
		t.Skip("a browser takes seconds to start; run without -short")
	}
	profile, err := os.MkdirTemp("", "chromium")
	if err != nil {
		t.Fatal(err)
	}
	toBrowser, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, fromBrowser, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe", "--user-data-dir="+profile)
	cmd.Env = append(os.Environ(), "HOME="+profile, "XDG_CONFIG_HOME="+profile, "XDG_CACHE_HOME="+profile)
	cmd.ExtraFiles = []*os.File{toBrowser, fromBrowser}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = toBrowser.Close()
	_ = fromBrowser.Close()
	b := &chromium{t: t, in: in, answers: map[int]chan json.RawMessage{}}
	read := make(chan struct{})
	go func() { defer close(read); b.read(out) }()
	t.Cleanup(func() {
		_ = in.Close() // which ends it
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		<-read
		_ = out.Close()
		// Its helpers may write a moment longer.
		eventually(t, "the browser's files can be removed", func() bool { return os.RemoveAll(profile) == nil })
	})
	var made struct {
		TargetID string `json:"targetId"`
	}
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &made)
	var attached struct {
		SessionID string `json:"sessionId"`
	}
	b.call("Target.attachToTarget", map[string]any{"targetId": made.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

// read takes answers and events until the browser ends.
func (b *chromium) read(out io.Reader) {
	r := bufio.NewReader(out)
	for {
		text, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m struct {
			ID     int             `json:"id"`
			Method string          `json:"method"`
			Params json.RawMessage `json:"params"`
		}
		if json.Unmarshal(text[:len(text)-1], &m) != nil {
			continue
		}
		b.mu.Lock()
		if c := b.answers[m.ID]; c != nil && m.ID > 0 {
			delete(b.answers, m.ID)
			c <- json.RawMessage(text[:len(text)-1])
		}
		switch m.Method {
		case "Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled":
			b.says = append(b.says, m.Method+" "+string(m.Params))
		}
		b.mu.Unlock()
	}
}

func (b *chromium) call(method string, params, result any) {
	b.t.Helper()
	c := make(chan json.RawMessage, 1)
	b.mu.Lock()
	b.next++
	id := b.next
	b.answers[id] = c
	b.mu.Unlock()
	m := map[string]any{"id": id, "method": method}
	if params != nil {
		m["params"] = params
	}
	if b.session != "" {
		m["sessionId"] = b.session
	}
	text, err := json.Marshal(m)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.in.Write(append(text, 0)); err != nil {
		b.t.Fatal(err)
	}
	select {
	case got := <-c:
		var a struct {
			Result json.RawMessage `json:"result"`
			Error  json.RawMessage `json:"error"`
		}
		if err := json.Unmarshal(got, &a); err != nil || a.Error != nil {
			b.t.Fatalf("%s: %v %s", method, err, a.Error)
		}
		if result != nil {
			if err := json.Unmarshal(a.Result, result); err != nil {
				b.t.Fatal(err)
			}
		}
	case <-time.After(60 * time.Second):
		b.t.Fatalf("%s: the browser does not answer", method)
	}
}

func (b *chromium) open(address string) { b.call("Page.navigate", map[string]any{"url": address}, nil) }

// eval returns the text that an expression is worth.
func (b *chromium) eval(expression string) string {
	b.t.Helper()
	var r struct {
		Result struct {
			Value any `json:"value"`
		} `json:"result"`
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression}, &r)
	return fmt.Sprint(r.Result.Value)
}

// shows waits until a part of the page has a text.
func (b *chromium) shows(id, text string) {
	b.t.Helper()
	eventually(b.t, fmt.Sprintf("%s shows %q", id, text), func() bool {
		return strings.Contains(b.eval(`document.getElementById("`+id+`")?.innerText ?? ""`), text)
	})
}

func (b *chromium) complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.says
}

// size makes the page as wide as a screen, as high as it is, and light or dark.
func (b *chromium) size(width int, phone bool, scheme string) {
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]any{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": phone}, nil)
}

// screenshot writes all of the page to a file.
func (b *chromium) screenshot(file string) {
	b.t.Helper()
	var shot struct {
		Data string `json:"data"`
	}
	b.call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &shot)
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
