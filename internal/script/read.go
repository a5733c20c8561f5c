package script

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// readFactors reads "mail ACTIVE ada@example.com required, spare NOT_SETUP …".
func readFactors(list string) (fs []authn.Factor, err error) {
	for f := range strings.SplitSeq(list, ",") {
		words := strings.Fields(f)
		if len(words) == 0 {
			continue
		}
		i := -1
		if len(words) >= 3 {
			i = slices.IndexFunc([]authn.Status{authn.NotSetUp, authn.Active, authn.Disabled}, func(s authn.Status) bool { return s.String() == words[1] })
		}
		if i < 0 {
			return nil, fmt.Errorf("%q is not a factor: want ID, status and address", f)
		}
		fs = append(fs, authn.Factor{
			ID: words[0], Type: authn.Email, Status: authn.NotSetUp + authn.Status(i), Address: words[2],
			Required: slices.Contains(words, "required"), Verified: slices.Contains(words, "verified"),
		})
	}
	return fs, nil
}

// readPolicy reads "CodeTries=2 Life=2m0s Cooldowns=30s,1m0s".
func readPolicy(words []string) (p authn.Policy, err error) {
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		f := reflect.ValueOf(&p).Elem().FieldByName(name)
		if !f.IsValid() {
			return p, fmt.Errorf("the policy has no field %q", name)
		}
		switch x := f.Addr().Interface().(type) {
		case *int:
			*x, err = strconv.Atoi(value)
		case *time.Duration:
			*x, err = time.ParseDuration(value)
		case *[]time.Duration:
			for v := range strings.SplitSeq(value, ",") {
				var d time.Duration
				if d, err = time.ParseDuration(v); err != nil {
					break
				}
				*x = append(*x, d)
			}
		case *bool:
			*x, err = strconv.ParseBool(value)
		}
		if err != nil {
			return p, err
		}
	}
	return p, nil
}
