import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import javax.security.auth.callback.Callback;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallback;

/**
 * Takes as SASL/OAUTHBEARER token what Amazon MSK's IAM authentication takes: a presigned request kafka-cluster:Connect, whose
 * signature (AWS Signature Version 4) is computed here with the one secret that it knows. Policies are not looked at.
 */
public class PresignedTokens implements AuthenticateCallbackHandler {
  private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'");
  private String keyId;
  private String secret;

  @Override
  public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> entries) {
    keyId = (String) entries.get(0).getOptions().get("keyId");
    secret = (String) entries.get(0).getOptions().get("secret");
  }

  @Override
  public void close() {}

  @Override
  public void handle(Callback[] callbacks) {
    for (Callback callback : callbacks) {
      if (!(callback instanceof OAuthBearerValidatorCallback)) continue;
      OAuthBearerValidatorCallback asked = (OAuthBearerValidatorCallback) callback;
      try {
        asked.token(checked(asked.tokenValue()));
      } catch (Exception error) {
        asked.error("invalid_token", null, null);
      }
    }
  }

  private OAuthBearerToken checked(String text) throws Exception {
    URI url = new URI(new String(Base64.getUrlDecoder().decode(text), StandardCharsets.UTF_8));
    TreeMap<String, String> query = new TreeMap<>();
    for (String pair : url.getRawQuery().split("&")) query.put(pair.split("=")[0], pair.split("=", 2)[1]);
    String signature = query.remove("X-Amz-Signature");
    query.remove("User-Agent");
    String time = query.get("X-Amz-Date");
    String[] credential = decoded(query.get("X-Amz-Credential")).split("/");
    if (!credential[0].equals(keyId)) throw new IllegalArgumentException("unknown key");
    if (!decoded(query.get("Action")).equals("kafka-cluster:Connect")) throw new IllegalArgumentException("another action");
    StringBuilder parts = new StringBuilder();
    for (Map.Entry<String, String> each : query.entrySet())
      parts.append(parts.length() == 0 ? "" : "&").append(each.getKey()).append("=").append(each.getValue());
    String request = "GET\n/\n" + parts + "\nhost:" + url.getHost() + "\n\nhost\n" + hex(sha256(""));
    String scope = String.join("/", List.of(credential).subList(1, 5));
    String toSign = "AWS4-HMAC-SHA256\n" + time + "\n" + scope + "\n" + hex(sha256(request));
    byte[] key = ("AWS4" + secret).getBytes(StandardCharsets.UTF_8);
    for (String part : scope.split("/")) key = hmac(key, part);
    if (!hex(hmac(key, toSign)).equals(signature)) throw new IllegalArgumentException("another signature");
    long from = LocalDateTime.parse(time, TIME).toInstant(ZoneOffset.UTC).toEpochMilli();
    long until = from + 1000 * Long.parseLong(query.get("X-Amz-Expires"));
    if (until < System.currentTimeMillis()) throw new IllegalArgumentException("expired");
    return new OAuthBearerToken() {
      @Override
      public String value() {
        return text;
      }

      @Override
      public Set<String> scope() {
        return Set.of();
      }

      @Override
      public long lifetimeMs() {
        return until;
      }

      @Override
      public String principalName() {
        return keyId;
      }

      @Override
      public Long startTimeMs() {
        return from;
      }
    };
  }

  private static String decoded(String text) {
    return URLDecoder.decode(text, StandardCharsets.UTF_8);
  }

  private static byte[] sha256(String text) throws Exception {
    return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
  }

  private static byte[] hmac(byte[] key, String text) throws Exception {
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(key, "HmacSHA256"));
    return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
  }

  private static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }
}
