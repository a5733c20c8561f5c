package operate

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
)

// An action is what a command does, after its flags were read.
type action func(context.Context, *run) error

// A command is one of the program.
type command struct {
	name    string
	user    bool // takes USER, or -account
	asks    bool // for confirmation
	about   string
	more    string // for its own help
	example string // behind the name of the program
	flags   func(*flag.FlagSet) action
}

// plain is a command without flags of its own.
func plain(a action) func(*flag.FlagSet) action {
	return func(*flag.FlagSet) action { return a }
}

// commands are all, in the order of the help.
func commands() []command {
	return []command{
		{name: "show", user: true, about: "show an account: sign-ins, locks, budgets, what is owed, devices",
			more:    "It reads once and changes nothing.",
			example: "show ada", flags: plain(show)},
		{name: "explain", user: true, about: "draw where a sign-in of an account stands, and where it can go",
			more: "Without -transaction it is the latest one. The store has the present state only; the way\n" +
				"that led there is in your audit log, under the id of the transaction.",
			example: "explain -format dot ada | dot -Tsvg > ada.svg", flags: explainFlags},
		{name: "list", about: "list accounts, all or by state, lock or what they owe",
			more: "It reads every record of the store. An account that is saved meanwhile may come twice.\n" +
				"Several conditions must all hold.",
			example: "list -locked", flags: listFlags},
		{name: "unlock", user: true, asks: true, about: "clear locks, back-off, the disabled mark and all counts (Reinstate)",
			more: "It also ends sign-ins under way and forgets remembered devices. Each call grants one\n" +
				"more yearly budget of guesses, so make sure who asks for it.",
			example: "unlock -reason 'ticket 4711: called back' ada", flags: unlockFlags},
		{name: "revoke", user: true, asks: true, about: "end all sign-ins, void session tokens, forget devices (Revoke)",
			more:    "Sessions that your program has made of redeemed tokens are yours to end.",
			example: "revoke ada", flags: changes(revoke)},
		{name: "forget", user: true, asks: true, about: "forget the remembered devices (ForgetDevices)",
			more:    "On each of them a factor is asked for again.",
			example: "forget ada", flags: changes(forget)},
		{name: "erase", user: true, asks: true, about: "forget a user (Erase)",
			more:    "What is owed is not delivered. A lock or a budget in force stays, under a pseudonym, until\nit ends.",
			example: "erase ada", flags: changes(erase)},
		{name: "reseal", about: "seal all records with the key in use, before an old key goes",
			more: "Run it after the new key is first in the list on every node. It may run while users\n" +
				"sign in, and again after it was stopped.",
			example: "reseal -dry", flags: resealFlags},
		{name: "tend", about: "do once what is due (Tend); needs the host's own program",
			more:    "It sends messages and calls the Directory, so it runs only in a program that has both.",
			example: "tend", flags: plain(tend)},
		{name: "doctor", about: "check the configuration, the keys, the store, its clock and its latency",
			more:    "It saves and deletes records of its own, which have no user. With -all it also reads every\nrecord.",
			example: "doctor", flags: doctorFlags},
	}
}

func find(name string) *command {
	all := commands()
	if i := slices.IndexFunc(all, func(c command) bool { return c.name == name }); i >= 0 {
		return &all[i]
	}
	return nil
}

// help lists the commands.
func (r *run) help(w io.Writer) {
	fmt.Fprintf(w, "Usage: %s COMMAND [flags] [USER]\n\n", r.name)
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-8s %s\n", c.name, c.about)
	}
	fmt.Fprintf(w, "\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 refused or not confirmed, 4 no record, 5 doctor has found something.\n"+
		"\n  %[1]s help show     what a command does, and its flags\n  %[1]s doctor        start here\n", r.name)
}

// helpOn explains one command.
func (r *run) helpOn(c *command, fs *flag.FlagSet) {
	user := ""
	if c.user {
		user = " USER"
	}
	fmt.Fprintf(fs.Output(), "Usage: %s %s%s [flags]\n\n%s: %s.\n%s\n\n  %s %s\n\nFlags:\n", r.name, c.name, user, c.name, c.about, c.more, r.name, c.example)
	fs.PrintDefaults()
}
