package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"
)

func TestFlags(t *testing.T) {
	o, err := parse(nil, io.Discard)
	if err != nil || o.addr != "127.0.0.1:8080" || o.store != "memory" || o.keys != "" || o.dev {
		t.Errorf("without flags: %+v, %v", o, err)
	}
	if p := o.policy(); p.Cooldowns != nil || p.CodeLife != 5*time.Minute {
		t.Errorf("without flags: %+v", p)
	}
	o, err = parse([]string{"-store", "sqlite:/x/demo.db", "-resend-wait", "1s", "-code-lifetime", "2m"}, io.Discard)
	if err != nil || o.keys != "/x/demo.db.keys" {
		t.Errorf("sqlite: %+v, %v", o, err)
	}
	if p := o.policy(); len(p.Cooldowns) != 1 || p.Cooldowns[0] != time.Second || p.CodeLife != 2*time.Minute {
		t.Errorf("policy: %+v", p)
	}
	for args, want := range map[string]string{
		"-resend-wait 999ms":        "-resend-wait",
		"-resend-wait 0s":           "-resend-wait",
		"-code-lifetime -1s":        "-code-lifetime",
		"-addr nowhere":             "-addr",
		"-store postgres://h/db":    "-keys",
		"-nonsense":                 "nonsense",
		"serve":                     "serve",
		"-code-lifetime five-hours": "code-lifetime",
	} {
		if _, err := parse(strings.Fields(args), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
	t.Setenv(serverKeyEnv, "fifteen letters")
	if _, err := parse(nil, io.Discard); err == nil || !strings.Contains(err.Error(), serverKeyEnv) || strings.Contains(err.Error(), "fifteen") {
		t.Errorf("a short key: %v", err)
	}
	t.Setenv(serverKeyEnv, "sixteen letters.")
	if o, err := parse(nil, io.Discard); err != nil || o.serverKey != "sixteen letters." {
		t.Errorf("a key: %v", err)
	}
	var help bytes.Buffer
	if _, err := parse([]string{"-h"}, &help); !errors.Is(err, flag.ErrHelp) || !strings.Contains(help.String(), "grace@example.com") {
		t.Errorf("-h: %v\n%s", err, &help)
	}
}

// What the flags let through and the library does not.
func TestNoStart(t *testing.T) {
	for args, want := range map[string]string{
		"-code-lifetime 1h": "CodeLife",
		"-store tape:1":     "-store",
		"-smtp nowhere":     "-smtp",
		"-store sqlite:":    "-store",
	} {
		keys := t.TempDir() + "/keys"
		err := run(t.Context(), append(strings.Fields(args), "-addr", "127.0.0.1:0", "-keys", keys), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
		if _, err := os.Stat(keys); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: it has made keys: %v", args, err)
		}
	}
}
