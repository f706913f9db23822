package cli

import "github.com/spf13/cobra"

func newDemo() *cobra.Command       { return &cobra.Command{Use: "demo"} }
func newDemoServer() *cobra.Command { return &cobra.Command{Use: "demo-server", Hidden: true} }
