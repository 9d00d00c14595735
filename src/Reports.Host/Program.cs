using System.CommandLine;
using Reports.Host;
using Reports.Host.Commands;

// The tools of the frameworks (code generation, projections, message storage) are commands of the same program.
return args is [("codegen" or "projections" or "storage" or "resources" or "describe" or "db-assert"), ..]
    ? await ReportsHost.RunFrameworkCommandAsync(args)
    : await Commands.Root().Parse(args is [] ? ["--help"] : args).InvokeAsync(new InvocationConfiguration
    {
        // The host ends by itself when it is asked to, after the downloads under way.
        ProcessTerminationTimeout = null,
        EnableDefaultExceptionHandler = false,
    });
