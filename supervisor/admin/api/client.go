package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// mostAnswer bounds what is read of one answer; a status of 500 workers is a
// megabyte at most.
const mostAnswer = 64 << 20

// NewClient asks the pool behind a unix socket. Nothing is connected yet.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &Client{socket: socket, http: http.Client{Transport: &http.Transport{DialContext: dial, DisableCompression: true}}}
}

// Socket is the path that the client was made with.
func (c *Client) Socket() string { return c.socket }

// Unreachable is why a pool does not answer.
type Unreachable struct {
	Socket string
	Err    error
}

func (e *Unreachable) Error() string {
	var op *net.OpError
	err := e.Err
	if errors.As(err, &op) {
		err = op.Err
	}
	return fmt.Sprintf("cannot reach rota at %s: %v (is it running?)", e.Socket, err)
}

func (e *Unreachable) Unwrap() error { return e.Err }

// Status is the pool now.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	return ask[Status](ctx, c, "GET", "/v1/status", nil)
}

// Rolls are the pool's.
func (c *Client) Rolls(ctx context.Context) (*Rolls, error) {
	return ask[Rolls](ctx, c, "GET", "/v1/rolls", nil)
}

// Explain says what would cycle the worker of a slot.
func (c *Client) Explain(ctx context.Context, slot int) (*Explanation, error) {
	return ask[Explanation](ctx, c, "GET", fmt.Sprintf("/v1/workers/%d/explain", slot), nil)
}

// History is what the pool was like since a time; the zero time for all.
func (c *Client) History(ctx context.Context, since time.Time) (*History, error) {
	return ask[History](ctx, c, "GET", "/v1/history?"+historyQuery(since).Encode(), nil)
}

// HistoryCSV copies the same to w, as a table for a spreadsheet.
func (c *Client) HistoryCSV(ctx context.Context, since time.Time, w io.Writer) error {
	query := historyQuery(since)
	query.Set("format", "csv")
	request, err := http.NewRequestWithContext(ctx, "GET", "http://rota/v1/history?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return &Unreachable{c.socket, err}
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return refusal(answer)
	}
	_, err = io.Copy(w, answer.Body)
	return err
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
	request, err := http.NewRequestWithContext(ctx, "GET", "http://rota"+path, nil)
	if err != nil {
		return err
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return &Unreachable{c.socket, err}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
	if err != nil {
		return &Unreachable{c.socket, err}
	}
	if answer.StatusCode != http.StatusOK {
		return &Error{Code: answer.StatusCode, Message: strings.TrimSpace(string(text))}
	}
	return nil
}

// Asked says which part of the stream of events a client wants.
type Asked struct {
	After  uint64    // events with a higher ID; 0 for all that are kept
	Since  time.Time // without After, those not before this; the zero time for any
	Follow bool      // and those to come, until the context ends or each fails
	Status bool      // with a status each second
}

// Message is one message of the stream: one of its fields is set.
type Message struct {
	Event  *Event
	Status *Status
	Gap    bool // events are missing here: they are not kept any more
}

// Events calls each for what happened. It ends with the error of each, or of the
// stream; nil at the end of one that is not followed.
func (c *Client) Events(ctx context.Context, asked Asked, each func(Message) error) error {
	query := url.Values{}
	if !asked.Since.IsZero() {
		query.Set("since", asked.Since.Format(time.RFC3339Nano))
	}
	if !asked.Follow {
		query.Set("follow", "false")
	}
	if asked.Status {
		query.Set("status", "true")
	}
	request, err := http.NewRequestWithContext(ctx, "GET", "http://rota/v1/events?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	if asked.After > 0 {
		request.Header.Set("Last-Event-ID", strconv.FormatUint(asked.After, 10))
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return &Unreachable{c.socket, err}
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return refusal(answer)
	}
	return readStream(answer.Body, each)
}

// readStream reads server-sent events, as the HTML standard has them.
func readStream(r io.Reader, each func(Message) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, mostAnswer)
	var name string
	var data []byte
	for lines.Scan() {
		line := lines.Text()
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if m, ok, err := message(name, data); err != nil {
				return err
			} else if ok {
				if err := each(m); err != nil {
					return err
				}
			}
			name, data = "", nil
		case field == "event":
			name = value
		case field == "data":
			data = append(data, value...)
		}
	}
	return lines.Err()
}

func message(name string, data []byte) (m Message, known bool, err error) {
	switch name {
	case StreamEvent:
		m.Event = new(Event)
		err = json.Unmarshal(data, m.Event)
	case StreamStatus:
		m.Status = new(Status)
		err = json.Unmarshal(data, m.Status)
	case StreamGap:
		m.Gap = true
	default:
		return m, false, nil
	}
	if err != nil {
		return m, false, fmt.Errorf("cannot read what rota says (is it of another version?): %w", err)
	}
	return m, true, nil
}

// Copy writes the answer to a GET as it is.
func (c *Client) Copy(ctx context.Context, w io.Writer, path string) error {
	request, err := http.NewRequestWithContext(ctx, "GET", "http://rota"+path, nil)
	if err != nil {
		return err
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return &Unreachable{c.socket, err}
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return refusal(answer)
	}
	if _, err := io.Copy(w, answer.Body); err != nil {
		return fmt.Errorf("cannot pass on what rota at %s says: %w", c.socket, err)
	}
	return nil
}

// ask sends a request and reads its answer.
func ask[T any](ctx context.Context, c *Client, method, path string, body any) (*T, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://rota"+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, &Unreachable{c.socket, err}
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return nil, refusal(answer)
	}
	result := new(T)
	if answer.StatusCode == http.StatusNoContent {
		return result, nil
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, mostAnswer)).Decode(result); err != nil {
		return nil, fmt.Errorf("cannot read the answer of rota at %s (is it of another version?): %w", c.socket, err)
	}
	return result, nil
}

// refusal is the error of an answer.
func refusal(answer *http.Response) error {
	e := &Error{Code: answer.StatusCode}
	if err := json.NewDecoder(io.LimitReader(answer.Body, 64<<10)).Decode(e); err != nil || e.Message == "" {
		e.Message = "rota answered " + answer.Status
	}
	return e
}
