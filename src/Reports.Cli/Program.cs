using Reports.Cli;

return await Commands.RunAsync(args);
