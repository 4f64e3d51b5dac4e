import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Properties;
import javax.mail.AuthenticationFailedException;
import javax.mail.Folder;
import javax.mail.MessagingException;
import javax.mail.Session;
import javax.mail.Store;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManagerFactory;

/**
 * JavaMail, told to log in and to count the messages. Each line of standard input is a login, fields parted by tabs:
 * mode (stls or tls), port, file of the authority, mechanism, user, secret. The answer is "count N", "refused TEXT" or
 * "failed TEXT".
 */
public final class JavaMailLogin {
  public static void main(String[] arguments) throws Exception {
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] fields = line.split("\t");
      String answer;
      try {
        answer = "count " + login(fields[0], fields[1], trust(fields[2]), fields[3], fields[4], fields[5]);
      } catch (AuthenticationFailedException refused) {
        answer = "refused " + refused.getMessage();
      } catch (MessagingException failed) {
        answer = "failed " + failed;
      }
      System.out.println(answer.replace('\n', ' ').replace('\r', ' '));
      System.out.flush();
    }
  }

  private static int login(
      String mode, String port, SSLSocketFactory trust, String mechanism, String user, String secret)
      throws MessagingException {
    String protocol = mode.equals("tls") ? "pop3s" : "pop3";
    String prefix = "mail." + protocol + ".";
    Properties properties = new Properties();
    properties.put(prefix + "starttls.enable", "true");
    properties.put(prefix + "starttls.required", mode.equals("stls") ? "true" : "false");
    properties.put(prefix + "ssl.socketFactory", trust);
    properties.put(prefix + "ssl.checkserveridentity", "true");
    // JavaMail's own name for USER and PASS is LOGIN.
    if (!mechanism.isEmpty()) {
      properties.put(prefix + "auth.mechanisms", mechanism.equals("USER") ? "LOGIN" : mechanism);
    }
    properties.put(prefix + "timeout", "60000");
    Store store = Session.getInstance(properties).getStore(protocol);
    store.connect("localhost", Integer.parseInt(port), user, secret);
    try {
      Folder inbox = store.getFolder("INBOX");
      inbox.open(Folder.READ_ONLY);
      int count = inbox.getMessageCount();
      inbox.close(false);
      return count;
    } finally {
      store.close();
    }
  }

  private static SSLSocketFactory trust(String authority) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (FileInputStream in = new FileInputStream(authority)) {
      store.setCertificateEntry("authority", CertificateFactory.getInstance("X.509").generateCertificate(in));
    }
    TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    managers.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, managers.getTrustManagers(), null);
    return context.getSocketFactory();
  }
}
