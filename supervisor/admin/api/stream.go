package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

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
	header := http.Header{}
	if asked.After > 0 {
		header.Set("Last-Event-ID", strconv.FormatUint(asked.After, 10))
	}
	answer, err := c.do(ctx, "GET", "/v1/events?"+query.Encode(), header, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
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
