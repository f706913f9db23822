package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client asks a pool over its control socket.
type Client struct {
	socket string
	http   http.Client
}

const (
	// mostAnswer bounds what is read of one answer; a status of 500 workers is a
	// megabyte at most.
	mostAnswer  = 64 << 20
	mostRefusal = 64 << 10
	// answerTime is how long rota may take to begin an answer. It takes milliseconds,
	// and for a history that must wait its turn 5 s: longer than this it was stopped
	// (SIGSTOP), or its machine has no time for it.
	answerTime = 10 * time.Second
)

// NewClient asks the pool behind a unix socket. Nothing is connected yet.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &Client{socket: socket, http: http.Client{Transport: &http.Transport{
		DialContext: dial, DisableCompression: true, ResponseHeaderTimeout: answerTime,
	}}}
}

// Socket is the path that the client was made with.
func (c *Client) Socket() string { return c.socket }

// Unreachable is why a pool does not answer.
type Unreachable struct {
	Socket string
	Err    error
}

func (e *Unreachable) Error() string {
	var asked *url.Error
	err, remedy := e.Err, "is it running?"
	if errors.As(err, &asked) {
		err = asked.Err
	}
	var op *net.OpError
	switch {
	case errors.Is(err, fs.ErrPermission):
		remedy = "ask as the user that it runs as, or as root"
	case asked != nil && asked.Timeout():
		err, remedy = errors.New("it does not answer"), "was it stopped, or is its machine too busy?"
	}
	if errors.As(err, &op) {
		err = op.Err
	}
	return fmt.Sprintf("cannot reach rota at %s: %v (%s)", e.Socket, err, remedy)
}

func (e *Unreachable) Unwrap() error { return e.Err }

// Status is the pool now.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	s, _, err := c.StatusJSON(ctx)
	return s, err
}

// StatusJSON is the same, and as it came.
func (c *Client) StatusJSON(ctx context.Context) (*Status, []byte, error) {
	return read[Status](ctx, c, "GET", "/v1/status", nil)
}

// Rolls are the pool's.
func (c *Client) Rolls(ctx context.Context) (*Rolls, error) {
	return ask[Rolls](ctx, c, "GET", "/v1/rolls", nil)
}

// Explain says what would cycle the worker of a slot.
func (c *Client) Explain(ctx context.Context, slot int) (*Explanation, error) {
	return ask[Explanation](ctx, c, "GET", fmt.Sprintf("/v1/workers/%d/explain", slot), nil)
}

// History is what the pool was like since a time, the zero time for all, with no
// point finer than a step, 0 for all that there are.
func (c *Client) History(ctx context.Context, since time.Time, step time.Duration) (*History, error) {
	query := historyQuery(since)
	query.Set("step", strconv.FormatFloat(step.Seconds(), 'f', -1, 64))
	return ask[History](ctx, c, "GET", "/v1/history?"+query.Encode(), nil)
}

// HistoryCSV copies all of the same to w, as a table for a spreadsheet.
func (c *Client) HistoryCSV(ctx context.Context, since time.Time, w io.Writer) error {
	query := historyQuery(since)
	query.Set("format", "csv")
	answer, err := c.do(ctx, "GET", "/v1/history?"+query.Encode(), nil, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(w, answer.Body); err != nil {
		return fmt.Errorf("cannot pass on what rota at %s says: %w", c.socket, err)
	}
	return nil
}

func historyQuery(since time.Time) url.Values {
	query := url.Values{}
	if !since.IsZero() {
		query.Set("since", since.Format(time.RFC3339Nano))
	}
	return query
}

// Roll reads the configuration again and replaces every worker, as HUP does.
func (c *Client) Roll(ctx context.Context) (*Begun, error) {
	return ask[Begun](ctx, c, "POST", "/v1/roll", nil)
}

// PauseRoll, ResumeRoll and AbortRoll change the roll under way and return it.
func (c *Client) PauseRoll(ctx context.Context) (*Roll, error) {
	return ask[Roll](ctx, c, "POST", "/v1/roll/pause", nil)
}

// ResumeRoll lets a paused roll go on.
func (c *Client) ResumeRoll(ctx context.Context) (*Roll, error) {
	return ask[Roll](ctx, c, "POST", "/v1/roll/resume", nil)
}

// AbortRoll ends a roll where it is.
func (c *Client) AbortRoll(ctx context.Context) (*Roll, error) {
	return ask[Roll](ctx, c, "POST", "/v1/roll/abort", nil)
}

// Cycle replaces the worker of a slot.
func (c *Client) Cycle(ctx context.Context, slot int) error {
	_, err := ask[struct{}](ctx, c, "POST", fmt.Sprintf("/v1/workers/%d/cycle", slot), nil)
	return err
}

// Scale asks for another number of workers.
func (c *Client) Scale(ctx context.Context, workers int) (*Scaled, error) {
	return ask[Scaled](ctx, c, "POST", "/v1/scale", Scale{Workers: workers})
}

// Stop drains every worker and ends rota. It returns once that has begun.
func (c *Client) Stop(ctx context.Context) error {
	_, err := ask[struct{}](ctx, c, "POST", "/v1/stop", nil)
	return err
}

// Health is nil if the pool serves: at least one of its workers is ready and it
// was not asked to end; with all set, as many as are wanted. It is what /readyz and
// /healthz answer. An Error says what is missing.
func (c *Client) Health(ctx context.Context, all bool) error {
	path := "/readyz"
	if all {
		path = "/healthz"
	}
	answer, err := c.do(ctx, "GET", path, nil, nil)
	if err == nil {
		answer.Body.Close()
	}
	return err
}

// ask sends a request and reads its answer.
func ask[T any](ctx context.Context, c *Client, method, path string, body any) (*T, error) {
	result, _, err := read[T](ctx, c, method, path, body)
	return result, err
}

// read is ask, with the text of the answer.
func read[T any](ctx context.Context, c *Client, method, path string, body any) (*T, []byte, error) {
	var sent []byte
	header := http.Header{}
	if body != nil {
		var err error
		if sent, err = json.Marshal(body); err != nil {
			return nil, nil, err
		}
		header.Set("Content-Type", "application/json")
	}
	answer, err := c.do(ctx, method, path, header, sent)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer))
	if err != nil {
		return nil, nil, &Unreachable{c.socket, err}
	}
	result := new(T)
	if answer.StatusCode == http.StatusNoContent {
		return result, nil, nil
	}
	if err := json.Unmarshal(text, result); err != nil {
		return nil, nil, fmt.Errorf("cannot read the answer of rota at %s (is it of another version?): %w", c.socket, err)
	}
	return result, text, nil
}

// do sends a request. The answer is one of success, whose body is to be closed.
func (c *Client) do(ctx context.Context, method, path string, header http.Header, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://rota"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if header != nil {
		request.Header = header
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, &Unreachable{c.socket, err}
	}
	if answer.StatusCode/100 != 2 {
		defer answer.Body.Close()
		return nil, refusal(answer)
	}
	return answer, nil
}

// refusal is the error of an answer: an Error, or the words of a health check.
func refusal(answer *http.Response) error {
	e := &Error{Code: answer.StatusCode}
	text, _ := io.ReadAll(io.LimitReader(answer.Body, mostRefusal))
	if json.Unmarshal(text, e) != nil && strings.HasPrefix(answer.Header.Get("Content-Type"), "text/plain") {
		e.Message = strings.TrimSpace(string(text))
	}
	if e.Message == "" {
		e.Message = "rota answered " + answer.Status
	}
	return e
}
