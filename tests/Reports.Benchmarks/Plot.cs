using System.Globalization;
using System.Text;

namespace Reports.Benchmarks;

/// <summary>Draws a figure against the number of reports in the store, on a logarithmic axis.</summary>
internal static class Plot
{
    private const int Width = 640;
    private const int Height = 360;
    private const int Left = 70;
    private const int Bottom = 50;
    private const int Margin = 40;
    private static readonly int[] Factors = [1, 2, 5, 10, 20];

    public static string Svg(string title, IEnumerable<(long Reports, double Value)> values)
    {
        var points = values.ToArray();
        var (least, most) = (Math.Log10(points.Min(p => p.Reports)), Math.Log10(points.Max(p => p.Reports)));
        var top = Ceiling(points.Max(p => p.Value));
        var decades = Math.Max(most - least, 0.01);
        double X(long reports) => Left + (Math.Log10(reports) - least) / decades * (Width - Left - Margin);
        double Y(double value) => Height - Bottom - value / top * (Height - Bottom - Margin);

        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture,
            $"""
            <svg xmlns="http://www.w3.org/2000/svg" width="{Width}" height="{Height}" viewBox="0 0 {Width} {Height}"
                font-family="sans-serif" font-size="12">
            <rect width="100%" height="100%" fill="white"/>
            <text x="{Left}" y="22" font-size="15">{title}</text>
            <text x="{Width - Margin}" y="{Height - 10}" text-anchor="end">reports in the store</text>

            """);
        for (var step = 0; step <= 4; step++)
        {
            var value = top * step / 4;
            svg.Append(CultureInfo.InvariantCulture,
                $"""
                <line x1="{Left}" x2="{Width - Margin}" y1="{Y(value):0.0}" y2="{Y(value):0.0}" stroke="#ddd"/>
                <text x="{Left - 8}" y="{Y(value) + 4:0.0}" text-anchor="end">{Line.Number(value)}</text>

                """);
        }

        foreach (var (reports, value) in points)
        {
            svg.Append(CultureInfo.InvariantCulture,
                $"""
                <circle cx="{X(reports):0.0}" cy="{Y(value):0.0}" r="4" fill="#1f5fa8"/>
                <text x="{X(reports):0.0}" y="{Y(value) - 10:0.0}" text-anchor="middle">{Line.Number(value)}</text>
                <text x="{X(reports):0.0}" y="{Height - Bottom + 18}" text-anchor="middle">{Line.Number(reports)}</text>

                """);
        }

        var path = string.Join(
            ' ', points.Select(p => FormattableString.Invariant($"{X(p.Reports):0.0},{Y(p.Value):0.0}")));
        svg.Append("<polyline points=\"").Append(path)
            .Append("\" fill=\"none\" stroke=\"#1f5fa8\" stroke-width=\"2\"/>\n</svg>\n");
        return svg.ToString();
    }

    // The next of 1, 2 and 5 times a power of ten, with room for the label of the highest point.
    private static double Ceiling(double value)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(value)));
        return power * Factors.First(factor => factor * power >= value * 1.05);
    }
}
