using System.Globalization;

namespace Reports.Host;

/// <summary>The file that keeps addresses and keys of the demo for shells to read.</summary>
internal static class DemoEnvironment
{
    public static SortedDictionary<string, string> Read(string file)
    {
        var lines = File.Exists(file) ? File.ReadAllLines(file) : [];
        return new(
            lines.Select(line => line.Split('=', 2)).Where(pair => pair.Length == 2).ToDictionary(p => p[0], p => p[1]),
            StringComparer.Ordinal);
    }

    public static void Write(string file, SortedDictionary<string, string> env)
    {
        var partial = file + ".partial";
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using (var writer = new StreamWriter(partial, options))
        {
            foreach (var (name, value) in env)
            {
                writer.WriteLine($"{name}={value}");
            }
        }

        File.Move(partial, file, overwrite: true);
    }

    public static void Print(SortedDictionary<string, string> env, string file)
    {
        var (url, key) = (env["REPORTS_URL"], env["REPORTS_API_KEY"]);
        var list = $"{url}/b/api/v1/reports/files/";
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""

            Reports is ready at {url}
              Reference   {url}/reference
              OpenAPI     {url}/openapi/v1.json
              API key     {key}
              Another     {env["REPORTS_API_KEY_2"]}   (a second merchant's)
              User        {env["REPORTS_USER"]} / {env["REPORTS_PASSWORD"]}
              No rights   {env["REPORTS_USER_WITHOUT"]} / {env["REPORTS_PASSWORD_WITHOUT"]}
              Superuser   {env["REPORTS_SUPERUSER"]} / {env["REPORTS_SUPERUSER_PASSWORD"]}
              Auditor     {env["REPORTS_AUDITOR_KEY"]}
            All of this is in {file}. Try:

              curl -s -H 'Api-Key: {key}' '{list}?limit=3'
              curl -s -u '{env["REPORTS_USER"]}:{env["REPORTS_PASSWORD"]}' '{list}?interval=monthly'
              curl -s -OJ -H 'Api-Key: {key}' "$(curl -s -H 'Api-Key: {key}' '{list}?limit=1' | grep -o 'http[^"]*/download/' | head -n 1)"
            """));
    }
}
