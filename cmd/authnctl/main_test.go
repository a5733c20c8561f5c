package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/redis/go-redis/v9"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/servers"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/natsstore"
	"github.com/authnfsm/authn/redisstore"
	"github.com/authnfsm/authn/sqlstore"
)

// A place is where a test's host keeps its records.
type place struct {
	url, prefix string
	store       authn.Store
}

// places are all kinds of store. Each test has tables or keys of its own, which go when
// it does.
var places = map[string]func(*testing.T) place{
	"SQLite": func(t *testing.T) place {
		file := filepath.Join(t.TempDir(), "a store.db")
		return inSQL(t, "sqlite:"+file, "sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)", sqlstore.SQLite)
	},
	"PostgreSQL": func(t *testing.T) place {
		dsn := servers.Named(t, servers.PostgreSQL)
		return inSQL(t, dsn, "pgx", dsn, sqlstore.PostgreSQL)
	},
	"MariaDB": func(t *testing.T) place {
		dsn := servers.Named(t, servers.MySQL)
		c, err := mysql.ParseDSN(dsn)
		if err != nil {
			t.Fatal("AUTHN_TEST_MYSQL cannot be parsed")
		}
		u := url.URL{Scheme: "mysql", User: url.UserPassword(c.User, c.Passwd), Host: c.Addr, Path: "/" + c.DBName}
		return inSQL(t, u.String(), "mysql", dsn, sqlstore.MySQL)
	},
	"Redis": func(t *testing.T) place {
		dsn := servers.Named(t, servers.Redis)
		o, err := redis.ParseURL(dsn)
		if err != nil {
			t.Fatal("AUTHN_TEST_REDIS cannot be parsed")
		}
		c := redis.NewClient(o)
		t.Cleanup(func() { c.Close() })
		p := place{url: dsn, prefix: prefix() + ":"}
		if p.store, err = redisstore.New(t.Context(), c, redisstore.Config{Prefix: p.prefix, AllowVolatile: true}); err != nil {
			servers.Missing(t, "the server for tests does not answer: %v", err)
		}
		t.Cleanup(func() {
			ctx := context.Background()
			for keys := c.Scan(ctx, 0, p.prefix+"*", 1000).Iterator(); keys.Next(ctx); {
				c.Del(ctx, keys.Val())
			}
		})
		return p
	},
	"NATS": func(t *testing.T) place {
		address := servers.Named(t, servers.NATS)
		c, err := nats.Connect(address)
		if err != nil {
			servers.Missing(t, "the server for tests does not answer: %v", err)
		}
		t.Cleanup(c.Close)
		js, err := jetstream.New(c)
		if err != nil {
			t.Fatal(err)
		}
		p := place{url: address, prefix: prefix()}
		cfg := natsstore.Config{Bucket: p.prefix, Replicas: 1, WithoutTend: true, AllowVolatile: true}
		if err = natsstore.CreateBucket(t.Context(), js, cfg); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { js.DeleteKeyValue(context.Background(), p.prefix) })
		if p.store, err = natsstore.New(t.Context(), js, cfg); err != nil {
			t.Fatal(err)
		}
		return p
	},
}

func prefix() string { return "ctl_" + strings.ToLower(rand.Text()[:8]) + "_" }

func inSQL(t *testing.T, url, driver, dsn string, dialect sqlstore.Dialect) place {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.PingContext(t.Context()); err != nil {
		servers.Missing(t, "the server for tests does not answer: %v", err)
	}
	p := place{url: url, prefix: prefix()}
	cfg := sqlstore.Config{Dialect: dialect, Prefix: p.prefix, AllowVolatile: true}
	t.Cleanup(func() { db.Exec("DROP TABLE " + p.prefix + "records"); db.Exec("DROP TABLE " + p.prefix + "schema") })
	if err = sqlstore.Migrate(t.Context(), db, cfg); err == nil {
		p.store, err = sqlstore.New(t.Context(), db, cfg)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A program is authnctl in an environment of the test's.
type program struct {
	*testing.T
	env   map[string]string
	flags []string
	hide  []string // what it must not say
}

func (p *program) run(code int, stdin string, args ...string) (out string) {
	p.Helper()
	var stdout, stderr bytes.Buffer
	tool := tool(func(name string) string { return p.env[name] })
	tool.Stdin, tool.Stdout, tool.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if got := tool.Run(p.Context(), append(args, p.flags...)); got != code {
		p.Errorf("%q: exit code %d, want %d\n%s%s", args, got, code, &stdout, &stderr)
	}
	for _, s := range p.hide {
		if strings.Contains(stdout.String()+stderr.String(), s) {
			p.Errorf("%q: it says %q:\n%s%s", args, s, &stdout, &stderr)
		}
	}
	return stdout.String() + stderr.String()
}

type people struct{}

const address = "canary@hidden.example"

func (people) Factors(context.Context, string) ([]authn.Factor, error) {
	return []authn.Factor{{ID: "mail", Type: authn.Email, Address: address, Status: authn.Active}}, nil
}

func (people) Activated(context.Context, string, string, authn.Factor) error { return nil }

func newKey() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}

// An account is locked by a host, seen and unlocked by authnctl, and signs in, on every
// kind of store.
func TestStores(t *testing.T) {
	for name, open := range places {
		t.Run(name, func(t *testing.T) {
			p := open(t)
			mail, key, pseudonym := new(memsender.Sender), newKey(), newKey()
			cfg := authn.Config{
				Tenant: "shop", Keys: []authn.Key{{ID: 1, Secret: key}}, PseudonymKey: pseudonym,
				Store: p.store, Mailer: mail, Directory: people{}, Policy: authn.Policy{LockEvery: 1, Lock: 2 * time.Hour, Remember: time.Hour},
			}
			svc, err := authn.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			begin := func(user string) (*authn.Answer, authn.Code) {
				a, err := svc.Begin(t.Context(), authn.Login{User: user})
				if err != nil {
					t.Fatal(err)
				}
				if a, err = svc.Do(t.Context(), a.Token, authn.Challenge{Factor: "mail"}); err != nil {
					t.Fatal(err)
				}
				return a, mail.Last(address).Code
			}
			a, code := begin("ada")
			if _, err := svc.Do(t.Context(), a.Token, authn.Verify{Code: authn.Code('0'+(code[0]-'0'+1)%10) + code[1:]}); err != nil {
				t.Fatal(err)
			}
			b, codeB := begin("bob")

			b64 := base64.StdEncoding.EncodeToString
			dir := t.TempDir()
			policy, audit := filepath.Join(dir, "policy.json"), filepath.Join(dir, "audit.log")
			if err := os.WriteFile(policy, []byte(`{"LockEvery": 1, "Lock": "2h", "Remember": "1h"}`), 0o600); err != nil {
				t.Fatal(err)
			}
			ctl := &program{T: t, flags: []string{"-allow-volatile", "-prefix", p.prefix, "-policy", policy, "-tenant", "shop"}, env: map[string]string{
				"AUTHN_STORE": p.url, "AUTHN_KEYS": "1:" + b64(key), "AUTHN_PSEUDONYM_KEY": b64(pseudonym), "AUTHN_AUDIT": audit,
			}}
			ctl.hide = []string{string(code), string(codeB), string(a.Token), string(b.Token), address, b64(key), b64(pseudonym)}

			healthy := 0
			if _, ok := p.store.(authn.Sweeper); !ok {
				healthy = 5 // with a warning: nothing can tend
			}
			ctl.run(healthy, "", "doctor")
			if out := ctl.run(0, "", "show", "ada"); !strings.Contains(out, "locked until") || !strings.Contains(out, "LOCKED_OUT") || !strings.Contains(out, "(in 1h59m)") {
				t.Errorf("show:\n%s", out)
			}
			var info authn.AccountInfo
			out := ctl.run(0, "", "list", "-locked", "-json")
			if err := json.Unmarshal([]byte(out), &info); err != nil || info.User != "ada" || info.SealedBy != 1 {
				t.Errorf("list: %v\n%s", err, out)
			}
			if out := ctl.run(0, "", "explain", "-account", info.Account); !strings.Contains(out, "LOCKED_OUT  is where ada stands") {
				t.Errorf("explain:\n%s", out)
			}
			ctl.run(3, "no\n", "unlock", "-reason", "ticket 7", "ada")
			if _, err := svc.Begin(t.Context(), authn.Login{User: "ada"}); err == nil {
				t.Error("not confirmed, and unlocked")
			}
			ctl.run(0, "ada\n", "unlock", "-reason", "ticket 7", "ada")
			begin("ada")
			ctl.run(3, "", "tend")

			ctl.env["AUTHN_KEYS"] = "2:" + b64(newKey()) + ", " + ctl.env["AUTHN_KEYS"]
			if out := ctl.run(5, "", "doctor", "-all"); !strings.Contains(out, "is key 2 the first one on every node?") {
				t.Errorf("doctor -all:\n%s", out)
			}
			if out := ctl.run(0, "", "reseal"); !strings.Contains(out, "2 accounts, 2 sealed anew with key 2") {
				t.Errorf("reseal:\n%s", out)
			}
			if _, err := svc.Account(t.Context(), "bob"); err == nil {
				t.Error("it is not sealed with the new key")
			}
			ctl.run(0, "", "revoke", "-yes", "bob")
			ctl.run(0, "", "erase", "-yes", "bob")
			ctl.run(0, "", "forget", "-yes", "ada")
			ctl.run(4, "", "show", "zoe")

			if _, err := os.Stat("/dev/full"); err == nil { // a disk that is full
				if out := ctl.run(1, "", "revoke", "-yes", "-audit", "/dev/full", "ada"); !strings.Contains(out, "not in the audit log") {
					t.Errorf("not audited:\n%s", out)
				}
			}
			log, err := os.ReadFile(audit)
			for _, want := range []string{`"event":"reinstate"`, `"guard":"ticket 7"`, `"event":"revoke"`, `"event":"erase"`, `"event":"forget_devices"`, info.Account} {
				if err != nil || !strings.Contains(string(log), want) {
					t.Errorf("no %s in the audit log: %v\n%s", want, err, log)
				}
			}
			for _, s := range append(ctl.hide, `"ada"`, "canary") {
				if strings.Contains(string(log), s) {
					t.Errorf("%q is in the audit log", s)
				}
			}
		})
	}
}

// What cannot work is said before anything is opened, in words that help, and never with
// a key or a password. A store that is not there is not made.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return name
	}
	b64 := base64.StdEncoding.EncodeToString(newKey())
	good := fmt.Sprintf(`{"keys": [{"id": 1, "secret": %q}], "pseudonymKey": %q, "cookieKey": ""}`, b64, base64.StdEncoding.EncodeToString(newKey()))
	keys := write("keys", good, 0o600)
	empty := write("empty.db", "", 0o600)
	env := func(more ...string) map[string]string {
		m := map[string]string{"AUTHN_STORE": "sqlite:" + filepath.Join(dir, "no.db"), "AUTHN_KEYS_FILE": keys}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	for _, c := range []struct {
		code int
		env  map[string]string
		args string
		want string
	}{
		{2, env("AUTHN_STORE", ""), "", "set AUTHN_STORE"},
		{2, env("AUTHN_STORE", "demo.db"), "", "none of sqlite:FILE"},
		{2, env("AUTHN_STORE", "sqlite:"), "", "a file name is expected"},
		{2, env("AUTHN_STORE", "sqlite:a.db?mode=ro"), "", "without ? and #"},
		{1, env(), "", "no such file"},
		{1, env("AUTHN_STORE", "sqlite:"+empty), "", "It migrates its tables when it starts"},
		{2, env("AUTHN_STORE", "postgres://u:hidden@h:port/db"), "", "cannot be parsed"},
		{2, env("AUTHN_STORE", "mysql://u:hidden@%zz/db"), "", "cannot be parsed"},
		{2, env("AUTHN_STORE", "mysql://u:hidden@h/db?sslmode=no"), "", "only ?tls="},
		{2, env("AUTHN_STORE", "redis://u:hidden@127.0.0.1:1/x/y"), "", "cannot be parsed"},
		{1, env("AUTHN_STORE", "postgres://u:hidden@127.0.0.1:1/db"), "", "connect"},
		{1, env("AUTHN_STORE", "mysql://u:hidden@127.0.0.1:1/db"), "", "connect"},
		{1, env("AUTHN_STORE", "redis://u:hidden@127.0.0.1:1/0"), "", "connect"},
		{2, env("AUTHN_STORE", "etcd://u:hidden@%zz"), "", "cannot be parsed"},
		{2, env("AUTHN_STORE", "etcd://u:hidden@h,i"), "", "one member"},
		{2, env("AUTHN_STORE", "etcds://u:hidden@h/prefix"), "", "the prefix of the keys is -prefix"},
		{1, env("AUTHN_STORE", "etcd://u:hidden@127.0.0.1:1"), "", "deadline"},
		{2, env("AUTHN_STORE", "nats://u:hidden@h?x=y"), "", "one member"},
		{2, env("AUTHN_STORE", "nats://u:hidden@h/bucket"), "-prefix b", "named twice"},
		{1, env("AUTHN_STORE", "nats://u:hidden@127.0.0.1:1"), "", "no servers"},
		{2, env(), "-store postgres://u:hidden@127.0.0.1:1/db", "put the URL into AUTHN_STORE"},
		{2, env("AUTHN_KEYS_FILE", ""), "", "set AUTHN_KEYS and AUTHN_PSEUDONYM_KEY"},
		{2, env("AUTHN_KEYS_FILE", "", "AUTHN_KEYS", "1:"+b64), "", "AUTHN_PSEUDONYM_KEY"},
		{2, env("AUTHN_KEYS_FILE", "", "AUTHN_KEYS", "1:"+b64+",2:"+b64[1:]), "", "the entry at place 2"},
		{2, env("AUTHN_KEYS_FILE", "", "AUTHN_KEYS", b64), "", "the entry at place 1"},
		{2, env("AUTHN_KEYS_FILE", filepath.Join(dir, "none")), "", "no such file"},
		{2, env("AUTHN_KEYS_FILE", write("open", good, 0o644)), "", "chmod 600"},
		{2, env("AUTHN_KEYS_FILE", write("bad", good[1:], 0o600)), "", "not a file of keys"},
		{2, env("AUTHN_KEYS_FILE", write("no keys", "{}", 0o600)), "", "not a file of keys"},
		{2, env(), "-policy " + write("p1", `{"Locks": "1h"}`, 0o600), `no field "Locks"`},
		{2, env(), "-policy " + write("p2", `{"Lock": 1}`, 0o600), `want a text such as "30m"`},
		{2, env(), "-policy " + write("p3", `{"Lock": "1"}`, 0o600), "missing unit"},
		{2, env(), "-policy " + write("p4", `{"Cooldowns": ["1"]}`, 0o600), "missing unit"},
		{2, env(), "-policy " + write("p5", `[]`, 0o600), "p5"},
		{2, env(), "-policy " + filepath.Join(dir, "p6"), "no such file"},
		{2, env(), "-audit " + dir, "-audit"},
	} {
		p := &program{T: t, env: c.env, hide: []string{"hidden", b64, b64[1:]}}
		if out := p.run(c.code, "", append([]string{"list"}, strings.Fields(c.args)...)...); !strings.Contains(out, c.want) {
			t.Errorf("%v %s: no %q in\n%s", c.env, c.args, c.want, out)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "no.db")); err == nil {
		t.Error("a store was made")
	}
}

// Every field of a policy can be set from a file.
func TestPolicy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.json")
	if err := os.WriteFile(file, []byte(`{"Digits": 8, "NoBackoff": true, "Cooldowns": ["30s", "1m30s"], "SessionLife": "90s"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := readPolicy(file)
	want := authn.Policy{Digits: 8, NoBackoff: true, Cooldowns: []time.Duration{30 * time.Second, 90 * time.Second}, SessionLife: 90 * time.Second}
	if err != nil || fmt.Sprint(p) != fmt.Sprint(want) {
		t.Errorf("%+v, %v", p, err)
	}
}
