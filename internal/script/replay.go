package script

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/authnfsm/authn"
)

// Replay plays the scripts of a file of paths on an empty store and leaves it
// empty. It returns the number of answers compared and an error for each that
// differs. A file begins with lines that apply to all its scripts. Each script
// begins with "new" and runs on a new stage.
func Replay(ctx context.Context, file string, s authn.Store) (answers int, err error) {
	var errs []error
	var stage *Stage
	var common []string
	var last, about string
	var got Reply
	play := func(line string) {
		if got, err = stage.Run(ctx, line); err != nil {
			errs = append(errs, err)
		}
	}
	clear := func() {
		if stage != nil {
			errs = append(errs, stage.Clear(ctx))
		}
	}
	for i, line := range strings.Split(file, "\n") {
		want, isAnswer := strings.CutPrefix(line, "=> ")
		switch {
		case line == "":
		case strings.HasPrefix(line, "#"):
			about = line
		case line == "new":
			clear()
			stage = New(s)
			for _, c := range common {
				play(c)
			}
		case stage == nil:
			common = append(common, line)
		case isAnswer:
			want, _, _ = strings.Cut(want, " | ")
			if answers++; got.Brief != want {
				errs = append(errs, fmt.Errorf("line %d, %s\n%s: %q, want %q", i+1, about, last, got.Brief, want))
			}
		default:
			last = line
			play(line)
		}
	}
	clear()
	return answers, errors.Join(errs...)
}
