package nodes

import (
	"context"
	"regexp"
	"strconv"
)

// An account is what an operator is shown of one.
type account string

func (n *node) account(ctx context.Context, user string) (account, error) {
	a, err := n.svc.Inspect(ctx, user)
	return account(a.String()), err
}

var (
	numbers = regexp.MustCompile(`\b(failures|sends|starts|tries)=(\d+)`)
	names   = regexp.MustCompile(`user="[^"]*"|[0-9a-f]{32}|\d{4}-\d\d-\d\dT[0-9:]+Z`)
)

// count is the sum of what is shown under a name. Of "sends" the account's
// budget is counted and not the transactions, which come after it.
func (a account) count(name string) int {
	for _, m := range numbers.FindAllStringSubmatch(string(a), -1) {
		if n, err := strconv.Atoi(m[2]); err == nil && m[1] == name {
			return n
		}
	}
	return 0
}

// shape is the account without names and times.
func (a account) shape() string { return names.ReplaceAllString(string(a), "…") }

// budgets are the counts that nothing but time and success may lower.
var budgets = []string{"failures", "sends", "starts"}

// refunded is a budget that has more left than before, or "".
func (a account) refunded(before account) string {
	for _, b := range budgets {
		if a.count(b) < before.count(b) {
			return b
		}
	}
	return ""
}
