using System.CommandLine;

return await new RootCommand("Reports: client commands for merchants and auditors.").Parse(args).InvokeAsync();
