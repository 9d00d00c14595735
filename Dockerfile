FROM mcr.microsoft.com/dotnet/sdk:10.0-noble AS build
ARG TARGETARCH
WORKDIR /source
COPY global.json .editorconfig Directory.* ./
COPY build/MediatR.Contracts/ build/MediatR.Contracts/
COPY src/ src/
RUN dotnet restore src/Reports.Host --locked-mode \
    && dotnet publish src/Reports.Host -c Release -a "$TARGETARCH" -o /app -p:UseAppHost=false \
    && mkdir /files /anchors

# "extra" carries ICU and the time zones, which schedules and CSV formats need. There is no shell in it.
FROM mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled-extra
WORKDIR /app
COPY --from=build /app ./
# A new volume takes its owner from the directory that it is mounted on.
COPY --from=build --chown=$APP_UID:$APP_UID /files /var/lib/reports/files
COPY --from=build --chown=$APP_UID:$APP_UID /anchors /var/lib/reports/anchors
ENV REPORTS__STORAGE__ROOT=/var/lib/reports/files
USER $APP_UID
EXPOSE 8080
ENTRYPOINT ["dotnet", "Reports.Host.dll"]
CMD ["serve"]
