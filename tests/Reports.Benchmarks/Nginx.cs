using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Reports.Benchmarks;

/// <summary>nginx, which has the kernel send files (<c>sendfile</c>): what the machine can do, for orientation.</summary>
internal sealed class Nginx : IDisposable
{
    private const string Program = "/usr/sbin/nginx";

    private static readonly string[] Temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];

    private readonly Process _process;

    private Nginx(Process process, Uri address) => (_process, Address) = (process, address);

    public Uri Address { get; }

    /// <summary>Starts it, where it is installed.</summary>
    /// <param name="files">The directory of what it gives.</param>
    /// <param name="directory">Where it may write.</param>
    public static async Task<Nginx?> StartAsync(string files, string directory)
    {
        if (!File.Exists(Program))
        {
            return null;
        }

        var port = FreePort();
        var configuration = Path.Combine(directory, "nginx.conf");
        var temporary = Temporary.Select(name => $"{name}_temp_path {directory}/nginx-{name};");
        await File.WriteAllTextAsync(
            configuration,
            $$"""
            daemon off; master_process off; pid {{directory}}/nginx.pid;
            events { }
            http {
                access_log off; sendfile on; default_type text/csv; keepalive_requests 1000000;
                {{string.Join(' ', temporary)}}
                server { listen 127.0.0.1:{{port}}; root {{files}}; }
            }
            """);
        var process = Process.Start(new ProcessStartInfo(Program, ["-e", "stderr", "-c", configuration])
        {
            RedirectStandardError = true,
        })!;
        await Until.TrueAsync(async () => process.HasExited
            ? throw new InvalidOperationException($"nginx ended: {await process.StandardError.ReadToEndAsync()}")
            : await AnswersAsync(port));
        return new Nginx(process, new Uri($"http://127.0.0.1:{port}"));
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static async Task<bool> AnswersAsync(int port)
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
