// ask.py's questions and answers by Go's own resolver.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sort"
	"strings"
)

var resolver = &net.Resolver{PreferGo: true}

func addresses(network, name string) ([]string, error) {
	rows, err := resolver.LookupIP(context.Background(), network, name)
	texts := []string{}
	for _, row := range rows {
		texts = append(texts, row.String())
	}
	return texts, err
}

func ask(kind, name string) ([]string, error) {
	ctx := context.Background()
	switch kind {
	case "A":
		return addresses("ip4", name)
	case "AAAA":
		return addresses("ip6", name)
	case "PTR":
		return resolver.LookupAddr(ctx, name)
	case "TXT":
		rows, err := resolver.LookupTXT(ctx, name)
		for at, row := range rows {
			rows[at] = `"` + row + `"`
		}
		return rows, err
	case "MX":
		texts := []string{}
		rows, err := resolver.LookupMX(ctx, name)
		for _, row := range rows {
			texts = append(texts, fmt.Sprintf("%d %s", row.Pref, row.Host))
		}
		return texts, err
	case "SRV":
		texts := []string{}
		_, rows, err := resolver.LookupSRV(ctx, "", "", name)
		for _, row := range rows {
			texts = append(texts, fmt.Sprintf("%d %d %d %s", row.Priority, row.Weight, row.Port, row.Target))
		}
		return texts, err
	}
	return nil, errors.New("unknown kind " + kind)
}

func answer(kind, name string) string {
	texts, err := ask(kind, name)
	if err != nil {
		var failure *net.DNSError
		if errors.As(err, &failure) && failure.IsNotFound {
			return "NONE"
		}
		return "FAILED"
	}
	for at := range texts {
		texts[at] = strings.TrimSuffix(texts[at], ".")
	}
	sort.Strings(texts)
	return strings.Join(texts, "\t")
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		kind, name, _ := strings.Cut(lines.Text(), " ")
		fmt.Println(answer(kind, name))
	}
}
