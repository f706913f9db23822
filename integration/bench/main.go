// Command bench sets rota beside what others use for the same, and prints one
// Markdown table for each question. Each figure is the median of several runs with
// its range; in each run all contenders of a table have their turn, because
// machines drift.
//
//	go run ./integration/bench                 all of it, in about 40 minutes
//	go run ./integration/bench -quick          a shorter look, in less than 5
//	go run ./integration/bench -only loss,pid1
//
// What is not installed has no row; a line below the table says so.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// question is what one table answers, or several that belong together.
type question struct {
	name  string // for -only
	title string
	ask   func(*bench) (*answer, error)
}

// answer is one table or more, with what has to be known to read them.
type answer struct {
	how     string // what was done, with its numbers
	tables  []table
	missing []string // contenders that could not take part, and why
	took    time.Duration
}

// questions in the order in which they are asked. Those that need quiet come first.
var questions = []question{lossQuestion, leakQuestion, capacityQuestion, costQuestion, copiesQuestion, overloadQuestion, pid1Question}

func main() {
	var o options
	flag.BoolVar(&o.quick, "quick", false, "fewer and shorter runs")
	flag.IntVar(&o.runs, "runs", 0, "how many paired runs; 5, or 1 with -quick, if it is 0")
	flag.StringVar(&o.only, "only", "", "questions to ask, separated by commas: "+names())
	flag.StringVar(&o.rows, "rows", "", "regular expression: only rows with such names, where they are contenders")
	flag.StringVar(&o.out, "o", "", "file to write the tables to, beside standard output")
	flag.StringVar(&o.into, "into", "", "files, separated by commas, with places for the tables, see insert.go")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are what is asked of the bench.
type options struct {
	quick                 bool
	runs                  int
	only, rows, out, into string
}

func run(o options) error {
	chosen, err := choose(o.only)
	if err != nil {
		return err
	}
	wanted, err := regexp.Compile(o.rows)
	if err != nil {
		return fmt.Errorf("-rows: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	defer stop()
	b, err := newBench(ctx, o, wanted)
	if err != nil {
		return err
	}
	defer b.close()
	var page strings.Builder
	w := io.MultiWriter(os.Stdout, &page)
	fmt.Fprintf(w, "%s\n\n", machine())
	var failed []error
	texts := map[string]string{}
	for _, q := range chosen {
		if err := b.ask(q, w, texts); err != nil {
			b.say("%v", err)
			failed = append(failed, err) // the others are asked all the same
		}
		if o.only == "" && o.rows == "" { // else they are not those of all tables that are there
			texts["machine"], texts["versions"] = machine()+"\n", b.versions()+"\n"
		}
		for path := range strings.FieldsFuncSeq(o.into, func(r rune) bool { return r == ',' }) {
			failed = append(failed, insert(path, texts))
		}
		if ctx.Err() != nil {
			return errors.New("it was stopped before its end")
		}
	}
	fmt.Fprintf(w, "%s\n", b.versions())
	if o.out != "" {
		failed = append(failed, os.WriteFile(o.out, []byte(page.String()), 0o644))
	}
	return errors.Join(failed...)
}

// endings are the signals that end the bench. It does not leave its servers behind
// when its terminal goes, unless it was told to stay then.
func endings() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

// ask prints the answer to a question, and leaves no process of it. Its tables are
// added to texts, by their titles.
func (b *bench) ask(q question, w io.Writer, texts map[string]string) error {
	began := time.Now()
	b.say("%s", q.title)
	b.unstarted = nil
	a, err := q.ask(b)
	b.sweep()
	if err != nil {
		return fmt.Errorf("cannot answer %s: %w", q.name, err)
	}
	a.took, a.missing = time.Since(began), append(a.missing, b.unstarted...)
	a.print(w, q.title)
	texts[q.title+": how"] = a.how + "\n"
	for _, t := range a.tables {
		title := t.title
		if title == "" {
			title = q.title
		}
		texts[title], texts[title+": how"] = t.markdown(), texts[title+": how"]+t.how+"\n"
	}
	return nil
}

func names() string {
	var all []string
	for _, q := range questions {
		all = append(all, q.name)
	}
	return strings.Join(all, ", ")
}

func choose(only string) ([]question, error) {
	if only == "" {
		return questions, nil
	}
	var chosen []question
	for name := range strings.SplitSeq(only, ",") {
		found := false
		for _, q := range questions {
			if q.name == name {
				chosen, found = append(chosen, q), true
			}
		}
		if !found {
			return nil, fmt.Errorf("no question is called %q: there are %s", name, names())
		}
	}
	return chosen, nil
}

func (a *answer) print(w io.Writer, title string) {
	fmt.Fprintf(w, "### %s\n", title)
	if a.how != "" {
		fmt.Fprintf(w, "\n%s\n", a.how)
	}
	for _, t := range a.tables {
		t.print(w)
	}
	if len(a.missing) > 0 {
		fmt.Fprintf(w, "\nNot here: %s.\n", strings.Join(a.missing, "; "))
	}
	fmt.Fprintf(w, "\nTook %s.\n\n", a.took.Round(time.Second))
}
