package cache

import "oibus/agent/entity"

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

const idDigits = entity.CacheID - 1 // 62^11 is more than 2^64; the 12th is a check digit

// Odd factors and their inverses modulo 2^64, so that ids of contents that follow each other look unrelated.
const (
	factorA  = 0x9E3779B97F4A7C15
	factorB  = 0xD6E8FEB86659FD93
	inverseA = 0xF1DE83E19937733D
	inverseB = 0xCFEE444D8B59A89B
)

func scramble(seq, key uint64) uint64 {
	x := seq ^ key
	x *= factorA
	x ^= x >> 32
	x *= factorB
	return x ^ x>>32
}

func unscramble(x, key uint64) uint64 {
	x ^= x >> 32
	x *= inverseB
	x ^= x >> 32
	x *= inverseA
	return x ^ key
}

func checkDigit(x uint64) byte { return digits[(x*factorA>>32)%62] }

// appendID appends the id of content seq in the cache with key.
func appendID(dst []byte, seq, key uint64) []byte {
	x := scramble(seq, key)
	var id [entity.CacheID]byte
	id[idDigits] = checkDigit(x)
	for i, rest := idDigits-1, x; i >= 0; i-- {
		id[i] = digits[rest%62]
		rest /= 62
	}
	return append(dst, id[:]...)
}

func formatID(seq, key uint64) string { return string(appendID(nil, seq, key)) }

// parseID is the sequence number behind an id. Most texts, and everything that could be a path, are no id.
func parseID(id string, key uint64) (seq uint64, ok bool) {
	if len(id) != entity.CacheID {
		return 0, false
	}
	var x uint64
	for i := range idDigits {
		d, ok := digit(id[i])
		if !ok || x > (1<<64-1-d)/62 {
			return 0, false
		}
		x = x*62 + d
	}
	return unscramble(x, key), checkDigit(x) == id[idDigits]
}

func digit(c byte) (uint64, bool) {
	switch {
	case c >= '0' && c <= '9':
		return uint64(c - '0'), true
	case c >= 'A' && c <= 'Z':
		return uint64(c-'A') + 10, true
	case c >= 'a' && c <= 'z':
		return uint64(c-'a') + 36, true
	}
	return 0, false
}
