package main

func nodeTool() tool { return tool{"Node", []string{"node", "--version"}} }

// nodeArguments are those of server.js. As PM2's documentation asks for, it ends
// gracefully, unless it is wanted as plain "node".
func nodeArguments(w want) []string {
	if w.app == "node" {
		return nil
	}
	return []string{"shutdown"}
}
