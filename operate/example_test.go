package operate_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/operate"
)

// A host's own program for operators: its main gives Run the arguments, and exits with
// what it returns. With the Mailer and the Directory of the host in the configuration it
// tends as well.
func ExampleTool_Run() {
	pseudonym, key := make([]byte, 32), make([]byte, 32) // a host reads its own
	rand.Read(pseudonym)
	rand.Read(key)
	tool := operate.Tool{
		Name: "signinctl",
		Open: func(context.Context) (authn.Config, func() error, error) {
			return authn.Config{Keys: []authn.Key{{ID: 1, Secret: key}}, PseudonymKey: pseudonym, Store: new(memstore.Store)}, nil, nil
		},
		Stderr: os.Stdout,
	}
	fmt.Println(tool.Run(context.Background(), []string{"show", "ada"}))
	// Output:
	// There is no record of ada in tenant "": nothing is limited, locked or owed.
	// If you expected one, check the spelling, the tenant and the pseudonym key: signinctl list
	// 4
}
