using System.Diagnostics;
using Npgsql;
using Xunit;

namespace Reports.ApiTests;

/// <summary>The generators that come with the project, as processes of their own.</summary>
internal static class SampleGenerators
{
    private static readonly string? Interpreter = Environment.GetEnvironmentVariable("REPORTS_TEST_PYTHON");

    /// <summary>Skips the test where there is no Python with the libraries.</summary>
    public static void NeedPython() => Assert.SkipWhen(
        string.IsNullOrEmpty(Interpreter), "REPORTS_TEST_PYTHON names no Python with psycopg2 and pika; build/test does.");

    public static SupervisedProcess Python(string name, params string[] arguments) => new(
        name,
        () => new ProcessStartInfo(
            Interpreter!, [Path.Combine(Checkout.Root, "samples/generator-python/generator.py"), .. arguments]));

    /// <summary>The reference generator as a worker, on the database and the file store of a service.</summary>
    public static SupervisedProcess Worker(ReportsApp app, params (string Name, string Value)[] settings) => new(
        "worker",
        () =>
        {
            var program = Checkout.Host.Replace("Reports.Host", "Reports.GeneratorWorker", StringComparison.Ordinal);
            var start = new ProcessStartInfo("dotnet", [program]) { WorkingDirectory = Path.GetDirectoryName(program) };
            start.Environment["REPORTS__DATABASE"] = app.ConnectionString;
            start.Environment["REPORTS__STORAGE__ROOT"] = app.FilesRoot;
            foreach (var (name, value) in settings)
            {
                start.Environment[name] = value;
            }

            return start;
        });

    /// <summary>A connection string as a URL.</summary>
    public static string Url(string connectionString)
    {
        var database = new NpgsqlConnectionStringBuilder(connectionString);
        return $"postgresql://{database.Username}:{database.Password}@{database.Host}:{database.Port}/{database.Database}";
    }
}
